package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Where downstream.bulk says so and the server offers it, writes that nobody waits for travel together (RFC 7644, 3.7).
//
//	write ─▶ urgent, or nobody else writes ─▶ by itself
//	      └▶ with those that came meanwhile ─▶ POST /Bulk ─▶ an answer to each
//
// A write of which the answer does not tell went wrong: it is read back, as all whose answers were lost.

// mostTogether is how many writes share a request, of a server that would take more.
const mostTogether = 100

const bulkSchema = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"

// operation is a write of a resource.
type operation struct {
	Method  string          `json:"method"`
	Path    string          `json:"path"` // below the server's address
	BulkID  string          `json:"bulkId"`
	Version string          `json:"version,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// shared is the answer to a write that might travel with others. alone: it was not sent, and has to go by itself.
type shared struct {
	reply
	alone bool
}

// submit sends a write, in company if it may.
func (s *scim) submit(ctx context.Context, tenant string, o operation) reply {
	if s.wire.cfg.Bulk && !isUrgent(ctx) {
		can, no := s.can(ctx, tenant)
		if no.kind != taken {
			return reply{said: no}
		}
		if can.bulk > 1 {
			a, err := s.writes.do(ctx, tenant, o)
			if err != nil {
				return reply{said: said{kind: wentWrong, words: err.Error()}}
			}
			if !a.alone {
				return a.reply
			}
		}
	}
	return s.alone(ctx, tenant, o)
}

func (s *scim) alone(ctx context.Context, tenant string, o operation) reply {
	r := request{method: o.Method, address: s.base(tenant) + o.Path, contentType: scimJSON, header: accept(), body: o.Data}
	if o.Version != "" {
		r.header.Set("If-Match", o.Version)
	}
	return s.wire.send(ctx, r)
}

// together sends writes in as many requests as the server's limits ask for.
func (s *scim) together(ctx context.Context, tenant string, all []operation) []shared {
	answers := make([]shared, 0, len(all))
	for len(all) > 0 {
		can, _ := s.can(ctx, tenant)
		n := can.fitting(all)
		answers = append(answers, s.bulk(ctx, tenant, all[:n])...)
		all = all[n:]
	}
	return answers
}

// fitting is how many of the first go into one request; at least one.
func (a ability) fitting(all []operation) int {
	const frame = 200 // bytes around an operation's data
	bytes := frame
	for i, o := range all {
		bytes += frame + len(o.Data) + len(o.Path) + len(o.Version)
		if i > 0 && (i >= a.bulk || a.payload > 0 && bytes > a.payload) {
			return i
		}
	}
	return len(all)
}

func (s *scim) bulk(ctx context.Context, tenant string, all []operation) []shared {
	each := func(a shared) []shared { return slices.Repeat([]shared{a}, len(all)) }
	if len(all) == 1 {
		return each(shared{reply: s.alone(ctx, tenant, all[0])})
	}
	for i := range all {
		all[i].BulkID = strconv.Itoa(i)
	}
	body, err := json.Marshal(map[string]any{"schemas": []string{bulkSchema}, "Operations": all})
	if err != nil {
		return each(shared{alone: true}) // each will say what is wrong with it
	}
	a := s.wire.send(ctx, request{method: http.MethodPost, address: s.base(tenant) + "/Bulk", contentType: scimJSON, header: accept(), body: body})
	var told struct {
		Operations []outcome `json:"Operations"`
	}
	switch {
	case a.kind == refused: // that it takes bulk requests was not so, and none of it is done
		s.abilities.change(s.base(tenant), func(can *ability) { can.bulk = 0 })
		return each(shared{alone: true})
	case a.kind != taken:
		return each(shared{reply: reply{said: a.said}})
	case decode(a.body, &told) != nil:
		return each(shared{reply: reply{said: said{kind: wentWrong, words: a.words + ", which is no answer to a bulk request"}}})
	}
	answers := each(shared{reply: reply{said: said{kind: wentWrong, words: a.words + ", which does not say what became of this one"}}})
	for _, t := range told.Operations {
		if i, err := strconv.Atoi(t.BulkID); err == nil && 0 <= i && i < len(answers) && t.Status >= http.StatusOK {
			answers[i] = shared{reply: t.reply(a.secrets)}
		}
	}
	return answers
}

// outcome is what became of an operation.
type outcome struct {
	BulkID   string          `json:"bulkId"`
	Location string          `json:"location"`
	Status   status          `json:"status"`
	Response json.RawMessage `json:"response"`
}

// status is a text, as the RFC has it, or a number, as some servers do.
type status int

func (s *status) UnmarshalJSON(text []byte) error {
	n, err := strconv.Atoi(strings.Trim(string(text), `"`))
	*s = status(n)
	return err
}

// reply is what the operation would have been answered by itself. A resource need not come with it, but its location does.
func (t outcome) reply(secrets []string) reply {
	body := []byte(t.Response)
	if len(body) == 0 || string(body) == "null" {
		body = nil
		if t.Location != "" {
			body = fmt.Appendf(nil, `{"id":%s}`, quoted(path.Base(t.Location)))
		}
	}
	res := &http.Response{StatusCode: int(t.Status), Status: fmt.Sprintf("%d %s", t.Status, http.StatusText(int(t.Status)))}
	return reply{said: judge(res, hide(string(t.Response), secrets)), status: int(t.Status), body: body}
}
