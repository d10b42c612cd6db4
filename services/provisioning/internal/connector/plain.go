package connector

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
)

// plain puts an agent as JSON at an address of its own, and deletes it there.
type plain struct {
	cfg  Config
	wire *wire
}

func (p *plain) tell(ctx context.Context, change Change) said {
	r := request{
		method: p.cfg.Method, address: p.cfg.URL, contentType: "application/json", quote: true,
		header: http.Header{"Idempotency-Key": {change.Key}},
	}
	if change.Deleted {
		r.method, r.address = http.MethodDelete, p.cfg.deleteURL()
	} else {
		var err error
		if r.body, err = protojson.Marshal(change.Agent); err != nil {
			return said{kind: refused, words: "encode agent " + change.Agent.GetId() + ": " + err.Error()}
		}
	}
	r.address = strings.NewReplacer("{tenant}", url.PathEscape(change.Tenant), "{id}", url.PathEscape(change.Agent.GetId())).Replace(r.address)
	a := p.wire.send(ctx, r)
	if change.Deleted && a.gone() {
		a.kind = taken
	}
	return a.said
}
