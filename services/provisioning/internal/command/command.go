// Package command is the way in for callers: DirectoryService, JobService and ReconcileService over connect, that is gRPC,
// gRPC-Web and JSON on one port. It turns requests into wishes and answers into messages, and decides nothing.
package command

import (
	"encoding/base64"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
)

// MaxMessage bounds one message in: an import of 3 MiB, as JSON a third more, and what stands around it.
const MaxMessage = 5 << 20

// Detail is a refusal in the words of the contracts, for pkg/edge, which knows none.
func Detail(r *refusal.Refusal) proto.Message {
	d := &commonv1.Refusal{Reason: r.Reason, Record: r.Record, Help: r.Help}
	if r.Epoch != 0 || r.N != 0 {
		d.Revision = &commonv1.Revision{Epoch: r.Epoch, N: r.N}
	}
	return d
}

// pageSize is what a caller asked for, or the list's own. Validation bounds it.
func pageSize(asked uint32, otherwise int) int {
	if asked == 0 {
		return otherwise
	}
	return int(asked)
}

// Page tokens are where the page before ended, with the kind of list in front: opaque to callers, and good for as long
// as they like.

func pageToken(kind, last string) string {
	if last == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(kind + ":" + last))
}

func pageAfter(kind, token string) (last string, err error) {
	if token == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(text) <= len(kind) || string(text[:len(kind)+1]) != kind+":" {
		return "", badToken()
	}
	return string(text[len(kind)+1:]), nil
}

func pageAfterNumber(kind, token string) (uint32, error) {
	text, err := pageAfter(kind, token)
	if err != nil || text == "" {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, badToken()
	}
	return uint32(n), nil
}

// pageTokenOf is where a page of jobs ended; empty if it was the last.
func pageTokenOf(next *flow.Mark) string {
	if next == nil {
		return ""
	}
	return pageToken("jobs", fmt.Sprintf("%d/%d", next.Created, next.Skip))
}

func pageFrom(token string) (*flow.Mark, error) {
	text, err := pageAfter("jobs", token)
	if err != nil || text == "" {
		return nil, err
	}
	m := &flow.Mark{}
	if _, err := fmt.Sscanf(text, "%d/%d", &m.Created, &m.Skip); err != nil || m.Skip < 0 {
		return nil, badToken()
	}
	return m, nil
}

func badToken() error {
	return refusal.New(refusal.Invalid, "PAGE_TOKEN", "page_token is not one that this list gave").
		To("take next_page_token as it came, or none to begin")
}
