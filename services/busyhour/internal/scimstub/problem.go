package scimstub

import (
	"encoding/json"
	"fmt"
	"net/http"
)

const scimJSON = "application/scim+json"

// problem is a refusal as RFC 7644 writes it (3.12).
type problem struct {
	status int
	// kind is the scimType; empty: the RFC has no word for it.
	kind   string
	detail string
}

func (p problem) Error() string { return fmt.Sprintf("%d %s: %s", p.status, p.kind, p.detail) }

func (p problem) write(w http.ResponseWriter) {
	body := map[string]any{
		"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:Error"},
		"status":  fmt.Sprint(p.status), "detail": p.detail,
	}
	if p.kind != "" {
		body["scimType"] = p.kind
	}
	write(w, p.status, body)
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", scimJSON)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who does not read it has left
}

func badRequest(kind, format string, args ...any) error {
	return problem{http.StatusBadRequest, kind, fmt.Sprintf(format, args...)}
}
