package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// scim keeps agents as the users of a SCIM 2.0 server (RFC 7643, RFC 7644).
//
//	find by externalId ─▶ none: POST       ─▶ 409: find by userName, and go on with that one
//	                   ─▶ one: PATCH or PUT, DELETE ─▶ 412, 404: somebody was first, from the beginning
//
// Every attempt begins with what stands there. So a call whose answer was lost is read back before it is repeated, and
// nothing is created twice.
type scim struct {
	wire      *wire
	abilities abilities
	known     knownGroups
	writes    bundles[operation, shared]
	searches  bundles[string, finding]
}

func newSCIM(w *wire) *scim {
	s := &scim{wire: w}
	s.writes.most, s.writes.ask = mostTogether, s.together
	s.searches.most, s.searches.ask = mostSought, s.agents
	return s
}

const (
	scimJSON = "application/scim+json"
	// rounds of an attempt, while somebody else changes the user between our reading and our writing.
	rounds = 3
	// The kinds of resources, by their paths.
	users, groups = "Users", "Groups"
)

func (s *scim) tell(ctx context.Context, change Change) (last said) {
	for range rounds {
		id, last, again := s.round(ctx, change)
		switch {
		case again:
			continue
		case last.kind != taken || change.Deleted || !s.wire.cfg.Groups:
			return last
		case id != "":
			return s.join(ctx, change, id)
		} // created, and not told its id: it is found in the next round
	}
	last.kind = wentWrong
	return last
}

// round reads the user and writes it once; again: it was changed in between. The id is the user's, if it is known.
func (s *scim) round(ctx context.Context, change Change) (id string, _ said, again bool) {
	found, no := s.agent(ctx, change.Tenant, externalID(change.Tenant, change.Agent))
	switch {
	case no.kind != taken || found == nil && change.Deleted:
		return "", no, false
	case change.Deleted:
		return "", s.remove(ctx, change.Tenant, found), false
	case found == nil:
		return s.create(ctx, change)
	}
	last, again := s.replace(ctx, change, found)
	return found.text("id"), last, again
}

// list is an answer to a search. Without a total it is none.
type list struct {
	Total     *int   `json:"totalResults"`
	Resources []user `json:"Resources"`
}

// find looks for the one resource of a kind whose attribute has the value; nil: there is none.
func (s *scim) find(ctx context.Context, tenant, kind, attribute, value string) (user, said) {
	a, l := s.search(ctx, tenant, kind, "?filter="+escaped(attribute+" eq "+quoted(value)))
	if a.kind == taken && len(l.Resources) == 0 && *l.Total > 0 {
		a.said = noList(a, kind)
	}
	if a.kind != taken {
		return nil, a.said
	}
	return only(l.Resources, kind, attribute, value)
}

// search gives what the server answers to a query; the list has a total if the answer is taken.
func (s *scim) search(ctx context.Context, tenant, kind, query string) (a reply, l list) {
	a = s.wire.send(ctx, request{method: http.MethodGet, address: s.base(tenant) + at(kind, "") + query, header: accept()})
	if a.kind == taken && (decode(a.body, &l) != nil || l.Total == nil) {
		a.said = noList(a, kind)
	}
	return a, l
}

func noList(a reply, kind string) said {
	return said{kind: wentWrong, words: a.words + ", which is no list of " + strings.ToLower(kind)}
}

// escaped has %20 for a space: not every server takes a plus for one.
func escaped(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// only is the one resource that was asked for. Names are the same in capitals to many a server; ids of agents are not. A
// server that does not heed the filter would have us change somebody else.
func only(found []user, kind, attribute, value string) (user, said) {
	kind = strings.ToLower(kind)
	var same []user
	for _, u := range found {
		if !strings.EqualFold(u.text(attribute), value) || u.text("id") == "" {
			return nil, said{kind: refused, words: fmt.Sprintf("asked for the %s with the %s %q it answers others, or one without an id", strings.TrimSuffix(kind, "s"), attribute, value)}
		}
		if attribute == "userName" || u.text(attribute) == value {
			same = append(same, u)
		}
	}
	switch len(same) {
	case 0:
		return nil, said{}
	case 1:
		return same[0], said{}
	}
	return nil, said{kind: refused, words: fmt.Sprintf("it has %d %s with the %s %q: leave one", len(same), kind, attribute, value)}
}

func (s *scim) create(ctx context.Context, change Change) (id string, _ said, again bool) {
	wanted := userOf(change.Tenant, change.Agent)
	a := s.write(ctx, change.Tenant, http.MethodPost, at(users, ""), wanted, "")
	if a.status != http.StatusConflict {
		return a.id(), a.said, false
	}
	there, no := s.find(ctx, change.Tenant, users, "userName", wanted.text("userName"))
	switch {
	case no.kind != taken:
		return "", no, false
	case there == nil: // gone meanwhile, or not to be found yet
		return "", a.said, true
	case there.text("externalId") != "" && there.text("externalId") != wanted.text("externalId"):
		return "", said{kind: refused, words: fmt.Sprintf("userName %q is that of externalId %q there", wanted.text("userName"), there.text("externalId"))}, false
	}
	last, again := s.replace(ctx, change, there)
	return there.text("id"), last, again
}

// id of the resource that a write was answered with; empty: with none.
func (a reply) id() string {
	var r user
	if decode(a.body, &r) != nil {
		return ""
	}
	return r.text("id")
}

// replace writes over what was found, unless it is as it should be.
func (s *scim) replace(ctx context.Context, change Change, found user) (_ said, again bool) {
	wanted := userOf(change.Tenant, change.Agent)
	all := found.with(wanted)
	if reflect.DeepEqual(all, found) {
		return said{}, false
	}
	can, no := s.can(ctx, change.Tenant)
	if no.kind != taken {
		return no, false
	}
	if can.patch {
		a, ok := s.patch(ctx, change.Tenant, found, found.differences(wanted))
		if ok {
			return a.said, a.changed()
		}
	}
	delete(all, "meta") // the server's own
	a := s.write(ctx, change.Tenant, http.MethodPut, at(users, found.text("id")), all, found.version())
	return a.said, a.changed()
}

// patch writes what differs; not ok: the server takes no PATCH after all.
func (s *scim) patch(ctx context.Context, tenant string, found user, all []difference) (_ reply, ok bool) {
	if len(all) == 0 { // but for the schemas, which are the server's to keep
		return reply{}, true
	}
	a := s.write(ctx, tenant, http.MethodPatch, at(users, found.text("id")), patch(all), found.version())
	switch {
	case a.status == http.StatusMethodNotAllowed || a.status == http.StatusNotImplemented:
		s.abilities.change(s.base(tenant), func(can *ability) { can.patch = false })
		return a, false
	case a.kind == refused && !a.changed() || a.kind == wentWrong:
		s.abilities.forget(s.base(tenant))
	}
	return a, true
}

// changed says that the user is another by now, or gone.
func (a reply) changed() bool { return a.gone() || a.status == http.StatusPreconditionFailed }

func (s *scim) remove(ctx context.Context, tenant string, found user) said {
	a := s.submit(ctx, tenant, operation{Method: http.MethodDelete, Path: at(users, found.text("id"))})
	if a.gone() {
		a.kind = taken
	}
	return a.said
}

// write sends a resource, or a patch of one. Who takes it answers with the resource as it is now, or with nothing.
func (s *scim) write(ctx context.Context, tenant, method, path string, what map[string]any, version string) reply {
	body, err := json.Marshal(what)
	if err != nil {
		return reply{said: said{kind: refused, words: "encode it: " + err.Error()}}
	}
	a := s.submit(ctx, tenant, operation{Method: method, Path: path, Version: version, Data: body})
	var now user
	if a.kind == taken && len(a.body) > 0 && decode(a.body, &now) != nil {
		a.said = said{kind: wentWrong, words: a.words + ", which is no resource"}
	}
	return a
}

// at is the path of all resources of a kind, or of one.
func at(kind, id string) string {
	if id == "" {
		return "/" + kind
	}
	return "/" + kind + "/" + url.PathEscape(id)
}

func (s *scim) base(tenant string) string {
	return strings.TrimRight(strings.ReplaceAll(s.wire.cfg.URL, "{tenant}", url.PathEscape(tenant)), "/")
}

func accept() http.Header { return http.Header{"Accept": {scimJSON + ", application/json"}} }

// quoted is a text as filters have it: as JSON does (RFC 7644, 3.4.2.2).
func quoted(text string) string {
	q, _ := json.Marshal(text) // a text always can
	return string(q)
}
