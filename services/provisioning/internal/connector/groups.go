package connector

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// groupSchema is RFC 7643's, 4.2.
const groupSchema = "urn:ietf:params:scim:schemas:core:2.0:Group"

// join makes the user a member of the groups of the agent's queues, and of no other queue's. A queue's group has the
// externalId <tenant>/queue/<id> and, when we make it, the queue's id for its name. Groups of others are left alone.
//
//	groups that have the user ─▶ none of a queue: found by externalId, else created ─▶ PATCH: add the member
//	                          ─▶ of a queue the agent has not ─▶ PATCH: remove the member
func (s *scim) join(ctx context.Context, change Change, id string) said {
	in, no := s.groupsOf(ctx, change.Tenant, id)
	if no.kind != taken {
		return no
	}
	wanted := change.Agent.GetQueueIds()
	for _, queue := range wanted {
		if in[queue] != "" {
			continue
		}
		if no := s.enter(ctx, change.Tenant, queue, id); no.kind != taken {
			return no
		}
	}
	for _, queue := range slices.Sorted(maps.Keys(in)) {
		if slices.Contains(wanted, queue) {
			continue
		}
		if a := s.member(ctx, change.Tenant, in[queue], "remove", id); a.kind != taken && !a.gone() {
			return a.said
		}
	}
	return said{}
}

// groupsOf are the groups of queues that have the user: their ids there, by the queue's.
func (s *scim) groupsOf(ctx context.Context, tenant, id string) (map[string]string, said) {
	query := "?attributes=externalId&count=200&filter=" + escaped("members.value eq "+quoted(id))
	a, l := s.search(ctx, tenant, groups, query)
	in := map[string]string{}
	for _, g := range l.Resources {
		if queue, ours := strings.CutPrefix(g.text("externalId"), queuePrefix(tenant)); ours {
			in[queue] = g.text("id")
		}
	}
	return in, a.said
}

// enter adds the user to the group of a queue. A group that is gone since we saw it is made anew, once.
func (s *scim) enter(ctx context.Context, tenant, queue, id string) said {
	for range rounds {
		group, no := s.groupOf(ctx, tenant, queue)
		if no.kind != taken {
			return no
		}
		a := s.member(ctx, tenant, group, "add", id)
		if !a.gone() {
			return a.said
		}
		s.known.forget(s.base(tenant), queue)
	}
	return said{kind: wentWrong, words: fmt.Sprintf("the group of queue %s is deleted as often as it is made", queue)}
}

// member adds the user to a group, or removes it: others may do the same to the same group at the same time.
func (s *scim) member(ctx context.Context, tenant, group, op, id string) reply {
	o := map[string]any{"op": op, "path": "members", "value": []any{map[string]any{"value": id}}}
	if op == "remove" {
		o = map[string]any{"op": op, "path": "members[value eq " + quoted(id) + "]"}
	}
	return s.write(ctx, tenant, http.MethodPatch, at(groups, group), patchOf([]any{o}), "")
}

// groupOf is the id of a queue's group, which is created if there is none.
func (s *scim) groupOf(ctx context.Context, tenant, queue string) (string, said) {
	if id := s.known.of(s.base(tenant), queue); id != "" {
		return id, said{}
	}
	external := queuePrefix(tenant) + queue
	for range rounds {
		found, no := s.find(ctx, tenant, groups, "externalId", external)
		switch {
		case no.kind != taken:
			return "", no
		case found != nil:
			s.known.learn(s.base(tenant), queue, found.text("id"))
			return found.text("id"), said{}
		}
		group := map[string]any{"schemas": []string{groupSchema}, "displayName": queue, "externalId": external}
		if a := s.write(ctx, tenant, http.MethodPost, at(groups, ""), group, ""); a.kind != taken && a.status != http.StatusConflict {
			return "", a.said
		}
	}
	return "", said{kind: refused, words: fmt.Sprintf("the group %q of queue %s cannot be found there though it is said to exist: give it the externalId %q, or another displayName", queue, queue, external)}
}

func queuePrefix(tenant string) string { return tenant + "/queue/" }

// knownGroups are the ids of queues' groups, by server and queue. They are hints: a group that is gone is looked for again.
type knownGroups struct {
	mu  sync.Mutex
	ids map[[2]string]string
}

func (k *knownGroups) of(server, queue string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ids[[2]string{server, queue}]
}

func (k *knownGroups) learn(server, queue, id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ids == nil {
		k.ids = map[[2]string]string{}
	}
	k.ids[[2]string{server, queue}] = id
}

func (k *knownGroups) forget(server, queue string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.ids, [2]string{server, queue})
}

// groupDifference is how the queues' groups that have a user differ from those that should.
func groupDifference(in map[string]string, queues []string) []difference {
	is, should := slices.Sorted(maps.Keys(in)), slices.Sorted(slices.Values(queues))
	if slices.Equal(is, should) {
		return nil
	}
	return []difference{{path: "groups", is: orNone(is), should: orNone(should)}}
}

func orNone(list []string) any {
	if len(list) == 0 {
		return nil
	}
	return list
}
