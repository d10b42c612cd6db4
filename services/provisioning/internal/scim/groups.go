package scim

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// groups are the queues of the directory.
type groups struct {
	directory Directory
	runner    Runner
}

func (g groups) kind() *resourceType { return groupType }

func (g groups) read(ctx context.Context, v visit, ids ...string) ([]*standing, error) {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = state.Queue(id)
	}
	entries, err := g.directory.Entries(ctx, v.tenant, names...)
	if err != nil {
		return nil, err
	}
	return g.shown(ctx, v, entries)
}

func (g groups) page(ctx context.Context, v visit, skip, n int) ([]*standing, int, error) {
	entries, total, err := g.directory.Page(ctx, v.tenant, state.Queues, skip, n)
	if err != nil {
		return nil, 0, err
	}
	all, err := g.shown(ctx, v, entries)
	return all, total, err
}

func (g groups) next(ctx context.Context, v visit, after string, n int) ([]*standing, string, error) {
	entries, last, err := g.directory.Next(ctx, v.tenant, state.Queues, after, n)
	if err != nil {
		return nil, "", err
	}
	all, err := g.shown(ctx, v, entries)
	return all, last, err
}

// shown are the queues as groups, with those that serve them.
func (g groups) shown(ctx context.Context, v visit, entries []*directory.Entry) (all []*standing, err error) {
	entries = slices.DeleteFunc(entries, func(e *directory.Entry) bool { return e == nil })
	if len(entries) == 0 {
		return nil, nil
	}
	indexes := make([]string, len(entries))
	for i, e := range entries {
		indexes[i] = state.Serves(e.GetQueue().GetId())
	}
	members, err := g.directory.Members(ctx, v.tenant, indexes...)
	if err != nil {
		return nil, err
	}
	for i, e := range entries {
		s := &standing{id: e.GetQueue().GetId(), version: groupVersion(e.GetRevision(), members[i]), entry: e, members: members[i]}
		s.object = groupOf(e.GetQueue(), s.members, v.at)
		s.meta(groupType, v.at)
		all = append(all, s)
	}
	return all, nil
}

func (g groups) candidates(ctx context.Context, v visit, attribute, text string) ([]string, bool, error) {
	switch attribute {
	case "id":
		return []string{text}, true, nil
	case "externalId":
		members, err := g.directory.Members(ctx, v.tenant, state.ExternalQueues(text))
		if err != nil {
			return nil, false, err
		}
		return members[0], true, nil
	case "members", "members.value":
		entries, err := g.directory.Entries(ctx, v.tenant, state.Agent(text))
		if err != nil {
			return nil, false, err
		}
		return entries[0].GetAgent().GetQueueIds(), true, nil
	}
	return nil, false, nil
}

// create makes the queue and then has its members join it: an agent joins no queue that is not there.
func (g groups) create(ctx context.Context, v visit, wanted object) (string, error) {
	q, members, err := queueOf(wanted, nil, true)
	if err != nil {
		return "", err
	}
	id := q.GetId()
	there, err := g.queue(ctx, v, id)
	switch {
	case err != nil:
		return "", err
	case there != nil:
		return "", taken(groupType, id)
	}
	if err := g.exist(ctx, v, members); err != nil {
		return "", err
	}
	failed, err := runAll(ctx, g.runner, v.tenant, &provisioningv1.Item{Kind: provisioningv1.Item_KIND_CREATE_QUEUE, Queue: q})
	if err != nil {
		return "", err
	}
	if failed != nil {
		if now, err := g.queue(ctx, v, id); err != nil || now == nil {
			return "", orFailed(err, failed)
		}
		return "", taken(groupType, id)
	}
	return id, g.serve(ctx, v, id, members, nil)
}

func orFailed(err error, failed *problem) error {
	if err != nil {
		return err
	}
	return failed
}

func (g groups) queue(ctx context.Context, v visit, id string) (*directory.Entry, error) {
	entries, err := g.directory.Entries(ctx, v.tenant, state.Queue(id))
	if err != nil {
		return nil, err
	}
	return entries[0], nil
}

// exist refuses members that are no users, before anything is done.
func (g groups) exist(ctx context.Context, v visit, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = state.Agent(id)
	}
	entries, err := g.directory.Entries(ctx, v.tenant, names...)
	if err != nil {
		return err
	}
	var unknown []string
	for i, e := range entries {
		if e == nil && len(unknown) < 3 {
			unknown = append(unknown, short(ids[i]))
		}
	}
	if len(unknown) > 0 {
		return bad(invalidValue, "members: there is no user %s: create them first", strings.Join(unknown, ", "))
	}
	return nil
}

func (g groups) change(ctx context.Context, v visit, s *standing, wanted object, whole bool) error {
	q, members, err := queueOf(wanted, s.entry.GetQueue(), whole)
	if err != nil {
		return err
	}
	join, leave := difference(s.members, members)
	if err := g.exist(ctx, v, join); err != nil {
		return err
	}
	if !proto.Equal(q, s.entry.GetQueue()) {
		err := g.run(ctx, v, s, &provisioningv1.Item{
			Kind: provisioningv1.Item_KIND_UPDATE_QUEUE, Queue: q, IfRevision: s.entry.GetRevision(),
		}, func(now *directory.Entry) bool { return proto.Equal(now.GetQueue(), q) })
		if err != nil {
			return err
		}
	}
	return g.serve(ctx, v, s.id, join, leave)
}

// difference says who is to join and who to leave; wanted nil: nobody.
func difference(have, wanted []string) (join, leave []string) {
	if wanted == nil {
		return nil, nil
	}
	return without(wanted, have), without(have, wanted)
}

func without(all, these []string) (left []string) {
	out := make(map[string]bool, len(these))
	for _, id := range these {
		out[id] = true
	}
	for _, id := range all {
		if !out[id] {
			left = append(left, id)
		}
	}
	return left
}

// mostChanges is how many items a job may have.
const mostChanges = 10_000

// serve has agents join and leave a queue.
func (g groups) serve(ctx context.Context, v visit, queue string, join, leave []string) error {
	var items []*provisioningv1.Item
	add := func(kind provisioningv1.Item_Kind, ids []string) {
		for _, id := range ids {
			items = append(items, &provisioningv1.Item{Kind: kind, Agent: &provisioningv1.Agent{Id: id, QueueIds: []string{queue}}})
		}
	}
	add(provisioningv1.Item_KIND_JOIN_QUEUES, join)
	add(provisioningv1.Item_KIND_LEAVE_QUEUES, leave)
	switch {
	case len(items) == 0:
		return nil
	case len(items) > mostChanges:
		return bad(tooMany, "%d members would change, at most %d do in one request: send several", len(items), mostChanges)
	}
	failed, err := runAll(ctx, g.runner, v.tenant, items...)
	if failed == nil || err != nil {
		return err
	}
	now, err := g.directory.Members(ctx, v.tenant, state.Serves(queue))
	if err != nil {
		return err
	}
	if len(without(join, now[0])) == 0 && len(without(leave, now[0])) == len(leave) {
		return nil // only a downstream has refused it
	}
	return failed
}

// remove has everybody leave the queue first, for one that agents serve is not deleted.
func (g groups) remove(ctx context.Context, v visit, s *standing) error {
	if err := g.serve(ctx, v, s.id, nil, s.members); err != nil {
		return err
	}
	err := g.run(ctx, v, s, &provisioningv1.Item{
		Kind: provisioningv1.Item_KIND_DELETE_QUEUE, Queue: &provisioningv1.Queue{Id: s.id}, IfRevision: s.entry.GetRevision(),
	}, func(now *directory.Entry) bool { return now == nil })
	if p, ok := err.(*problem); ok { //nolint:errorlint // run gives it as it is
		p.status, p.scimType = http.StatusConflict, ""
	}
	return err
}

func (g groups) run(ctx context.Context, v visit, s *standing, item *provisioningv1.Item, asWanted func(*directory.Entry) bool) error {
	failed, err := runAll(ctx, g.runner, v.tenant, item)
	if failed == nil || err != nil {
		return err
	}
	now, err := g.queue(ctx, v, s.id)
	return settle(now, s, failed, err, asWanted)
}
