package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

// The words of RFC 7644, 3.12, for what is wrong with a request.
const (
	invalidFilter = "invalidFilter"
	invalidPath   = "invalidPath"
	invalidSyntax = "invalidSyntax"
	invalidValue  = "invalidValue"
	mutability    = "mutability"
	noTarget      = "noTarget"
	tooMany       = "tooMany"
	uniqueness    = "uniqueness"
)

// problem is an error as SCIM has it.
type problem struct {
	status           int
	scimType, detail string
	allow            string // the methods that are for what was asked
}

func (p *problem) Error() string { return p.detail }

// bad is a request that would be refused again.
func bad(scimType, format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, scimType: scimType, detail: fmt.Sprintf(format, args...)}
}

func no(status int, format string, args ...any) *problem {
	return &problem{status: status, detail: fmt.Sprintf(format, args...)}
}

func missing(t *resourceType, id string) *problem {
	return no(http.StatusNotFound, "there is no %s %q: look for it with a filter", t.name, short(id))
}

// stale is what If-Match is answered that names another version.
func stale(t *resourceType, id, version string) *problem {
	return no(http.StatusPreconditionFailed, "%s %q stands at version %s, which is none of If-Match: read it again and repeat the change", t.name, short(id), version)
}

// problemOf is an error in the words of SCIM. What is a failure keeps its text to itself.
func problemOf(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	r, refused := refusal.As(err)
	switch {
	case refused:
		return &problem{status: edge.HTTPStatus(err), scimType: scimTypeOf(r), detail: r.Error()}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return no(http.StatusServiceUnavailable, "the time for this request ran out; its outcome is unknown: read it again, then repeat what is not there")
	}
	return no(http.StatusInternalServerError, "internal error")
}

// short quotes no more of somebody's input than a person wants to read.
func short(text string) string { return directory.Short(text) }

func scimTypeOf(r *refusal.Refusal) string {
	switch r.Code {
	case refusal.Invalid:
		return invalidValue
	case refusal.Exists:
		return uniqueness
	}
	return ""
}

const errorSchema = "urn:ietf:params:scim:api:messages:2.0:Error"

func (p *problem) body() object {
	b := object{"schemas": []any{errorSchema}, "status": strconv.Itoa(p.status), "detail": p.detail}
	if p.scimType != "" {
		b["scimType"] = p.scimType
	}
	return b
}
