package connector

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// plain puts an agent at an address of its own, and deletes it there.
type plain struct {
	cfg     Config
	wire    *wire
	body    body
	success statuses
}

// newPlain makes one of a Config that is valid.
func newPlain(cfg Config, w *wire) *plain {
	p := &plain{cfg: cfg, wire: w}
	p.body, _ = parseBody(cfg.Body)
	p.success, _ = parseStatuses(cfg.Success)
	return p
}

func (c *Config) checkPlain(want want) {
	want(strings.Contains(c.deleteURL(), "{id}"), "delete_url: %q has no {id}, so every deletion would go to the same place", c.deleteURL())
	want(c.Method == http.MethodPut || c.Method == http.MethodPost, "method: %q is neither PUT nor POST", c.Method)
	deletes := []string{http.MethodDelete, http.MethodPost, http.MethodPut, http.MethodPatch}
	want(slices.Contains(deletes, c.DeleteMethod), "delete_method: %q is none of %s", c.DeleteMethod, strings.Join(deletes, ", "))
	_, _, err := mime.ParseMediaType(c.ContentType)
	want(err == nil, "content_type: %q is none; write such as application/json", c.ContentType)
	_, err = parseStatuses(c.Success)
	want(err == nil, "success: %v", err)
	want(c.IdempotencyHeader == "" || isHeader(c.IdempotencyHeader), "idempotency_header: %q is no name of a header that is free; write such as Idempotency-Key, or leave it empty", c.IdempotencyHeader)
	if c.ReadURL != "" {
		want.address("read_url", c.ReadURL)
		want(strings.Contains(c.ReadURL, "{id}"), "read_url: %q has no {id}, so every agent would be read from the same place", c.ReadURL)
	}
	b, err := parseBody(c.Body)
	if err == nil {
		err = b.try(c.ContentType, c.ReadURL != "")
	}
	want(err == nil, "body: %v; write {{json .agent.name}}, with the fields of an agent in JSON, .tenant or .key", err)
}

// isHeader says that a header can have the name, and that it means nothing else to us.
func isHeader(name string) bool {
	const others = "!#$%&'*+-.^_`|~"
	for _, r := range name {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(others, r)) {
			return false
		}
	}
	taken := []string{"Authorization", "Connection", "Content-Length", "Content-Type", "Host", "Transfer-Encoding"}
	return name != "" && !slices.Contains(taken, http.CanonicalHeaderKey(name))
}

func (p *plain) tell(ctx context.Context, change Change) said {
	r := request{method: p.cfg.Method, address: p.cfg.URL, contentType: p.cfg.ContentType, quote: true, header: http.Header{}}
	if p.cfg.IdempotencyHeader != "" {
		r.header.Set(p.cfg.IdempotencyHeader, change.Key)
	}
	if change.Deleted {
		r.method, r.address = p.cfg.DeleteMethod, p.cfg.deleteURL()
	} else {
		var err error
		if r.body, err = p.body.of(change); err != nil {
			return said{kind: refused, words: "encode agent " + change.Agent.GetId() + " by " + p.cfg.key("body") + ": " + err.Error()}
		}
	}
	r.address = filled(r.address, change.Tenant, change.Agent)
	a := p.wire.send(ctx, r)
	switch {
	case change.Deleted && a.gone():
		return said{}
	case a.status == 0:
		return a.said
	}
	return p.success.judge(a, p.cfg.key("success"))
}

func filled(address, tenant string, agent *provisioningv1.Agent) string {
	return strings.NewReplacer("{tenant}", url.PathEscape(tenant), "{id}", url.PathEscape(agent.GetId())).Replace(address)
}
