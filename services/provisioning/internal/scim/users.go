package scim

import (
	"context"
	"net/http"

	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// users are the agents of the directory.
type users struct {
	directory Directory
	runner    Runner
}

func (u users) kind() *resourceType { return userType }

func (u users) read(ctx context.Context, v visit, ids ...string) ([]*standing, error) {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = state.Agent(id)
	}
	entries, err := u.directory.Entries(ctx, v.tenant, names...)
	if err != nil {
		return nil, err
	}
	return u.shown(ctx, v, entries)
}

func (u users) page(ctx context.Context, v visit, skip, n int) ([]*standing, int, error) {
	entries, total, err := u.directory.Page(ctx, v.tenant, state.Agents, skip, n)
	if err != nil {
		return nil, 0, err
	}
	all, err := u.shown(ctx, v, entries)
	return all, total, err
}

func (u users) next(ctx context.Context, v visit, after string, n int) ([]*standing, string, error) {
	entries, last, err := u.directory.Next(ctx, v.tenant, state.Agents, after, n)
	if err != nil {
		return nil, "", err
	}
	all, err := u.shown(ctx, v, entries)
	return all, last, err
}

// shown are the agents as users, with the names of their queues.
func (u users) shown(ctx context.Context, v visit, entries []*directory.Entry) (all []*standing, err error) {
	names, err := u.queueNames(ctx, v, entries)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e == nil {
			continue
		}
		s := &standing{id: e.GetAgent().GetId(), version: userVersion(e.GetRevision()), entry: e}
		s.object = userOf(e.GetAgent(), func(id string) string { return names[id] }, v.at)
		s.meta(userType, v.at)
		all = append(all, s)
	}
	return all, nil
}

func (u users) queueNames(ctx context.Context, v visit, entries []*directory.Entry) (map[string]string, error) {
	names := map[string]string{}
	var records []string
	for _, e := range entries {
		for _, q := range e.GetAgent().GetQueueIds() {
			if _, asked := names[q]; !asked {
				names[q] = q
				records = append(records, state.Queue(q))
			}
		}
	}
	if len(records) == 0 {
		return names, nil
	}
	queues, err := u.directory.Entries(ctx, v.tenant, records...)
	for _, q := range queues {
		if q != nil {
			names[q.GetQueue().GetId()] = q.GetQueue().GetName()
		}
	}
	return names, err
}

func (u users) candidates(ctx context.Context, v visit, attribute, text string) ([]string, bool, error) {
	index := ""
	switch attribute {
	case "id", "userName":
		return []string{text}, true, nil
	case "externalId":
		index = state.ExternalAgents(text)
	case "groups", "groups.value", agentSchema + ":queues":
		index = state.Serves(text)
	default:
		return nil, false, nil
	}
	members, err := u.directory.Members(ctx, v.tenant, index)
	if err != nil {
		return nil, false, err
	}
	return members[0], true, nil
}

func (u users) create(ctx context.Context, v visit, wanted object) (string, error) {
	a, err := agentOf(wanted, nil, true)
	if err != nil {
		return "", err
	}
	id := a.GetId()
	there, err := u.agent(ctx, v, id)
	if err != nil {
		return "", err
	}
	if there != nil {
		return "", taken(userType, id)
	}
	failed, err := runAll(ctx, u.runner, v.tenant, &provisioningv1.Item{Kind: provisioningv1.Item_KIND_CREATE_AGENT, Agent: a})
	if failed == nil || err != nil {
		return id, err
	}
	now, err := u.agent(ctx, v, id)
	switch {
	case err != nil:
		return "", err
	case now == nil:
		return "", failed
	case !proto.Equal(now.GetAgent(), a): // somebody else's
		return "", taken(userType, id)
	}
	return id, nil
}

func taken(t *resourceType, id string) *problem {
	return no(http.StatusConflict, "%s %q is there already: change that one, or take another name", t.name, short(id)).typed(uniqueness)
}

func (u users) agent(ctx context.Context, v visit, id string) (*directory.Entry, error) {
	entries, err := u.directory.Entries(ctx, v.tenant, state.Agent(id))
	if err != nil {
		return nil, err
	}
	return entries[0], nil
}

func (u users) change(ctx context.Context, v visit, s *standing, wanted object, whole bool) error {
	a, err := agentOf(wanted, s.entry.GetAgent(), whole)
	if err != nil || proto.Equal(a, s.entry.GetAgent()) {
		return err
	}
	return u.run(ctx, v, s, &provisioningv1.Item{
		Kind: provisioningv1.Item_KIND_UPDATE_AGENT, Agent: a, IfRevision: s.entry.GetRevision(),
	}, func(now *directory.Entry) bool { return proto.Equal(now.GetAgent(), a) })
}

func (u users) remove(ctx context.Context, v visit, s *standing) error {
	return u.run(ctx, v, s, &provisioningv1.Item{
		Kind: provisioningv1.Item_KIND_DELETE_AGENT, Agent: &provisioningv1.Agent{Id: s.id}, IfRevision: s.entry.GetRevision(),
	}, func(now *directory.Entry) bool { return now == nil })
}

// run runs an item. One that failed because somebody was first, or only in the downstream, has not failed for our caller:
// what stands there tells.
func (u users) run(ctx context.Context, v visit, s *standing, item *provisioningv1.Item, asWanted func(*directory.Entry) bool) error {
	failed, err := runAll(ctx, u.runner, v.tenant, item)
	if failed == nil || err != nil {
		return err
	}
	now, err := u.agent(ctx, v, s.id)
	return settle(now, s, failed, err, asWanted)
}

func settle(now *directory.Entry, s *standing, failed *problem, err error, asWanted func(*directory.Entry) bool) error {
	switch {
	case err != nil:
		return err
	case asWanted(now):
		return nil
	case now == nil || !proto.Equal(now.GetRevision(), s.entry.GetRevision()):
		return errMoved
	}
	return failed
}
