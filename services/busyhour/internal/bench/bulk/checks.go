package bulk

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// check holds all that came about against what was asked for.
func (t *trial) check(ctx context.Context) error {
	t.cfg.Say("checking %d jobs, item by item", len(t.jobs))
	for _, check := range []func(context.Context) (*Check, error){t.itemsFinal, t.itemsTold, t.agentsAsked, t.agentsCreated, t.usersEqual, t.usersCreated} {
		c, err := check(ctx)
		if err != nil {
			return err
		}
		t.result.Checks = append(t.result.Checks, c)
	}
	t.result.Checks = append(t.result.Checks, t.urgent.check())
	if t.result.Calls != nil {
		t.result.Checks = append(t.result.Checks, t.callsRight())
	}
	return nil
}

// itemsFinal asks for every item of every job.
func (t *trial) itemsFinal(ctx context.Context) (*Check, error) {
	c := &Check{Name: "every item has ended"}
	for _, job := range t.jobs {
		n := 0
		err := t.clients.Outcomes(ctx, t.cfg.Tenant, job.Id, provisioningv1.ItemOutcome_ITEM_OUTCOME_UNSPECIFIED, func(o *provisioningv1.Outcome) bool {
			n++
			if o.Outcome <= provisioningv1.ItemOutcome_ITEM_OUTCOME_PENDING {
				c.find("item %d of job %s is %s", o.Number, job.Id, o.Outcome)
			}
			return true
		})
		if err != nil {
			return nil, err
		}
		c.Looked += n
		if n != int(job.Total) {
			c.find("job %s has %d items, and %d can be seen", job.Id, job.Total, n)
		}
	}
	return c, nil
}

func (t *trial) itemsTold(ctx context.Context) (*Check, error) {
	c := &Check{Name: "the log has exactly one end of each item"}
	events, err := readOutcomes(ctx, t.kafka, t.cfg.Tenant)
	if err != nil {
		return nil, err
	}
	ours := map[string]bool{}
	var names []string
	for _, job := range t.jobs {
		ours[job.Id] = true
		for n := range job.Total {
			names = append(names, fmt.Sprintf("item:%s/%d", job.Id, n+1))
		}
	}
	var known []told
	for _, e := range events {
		if job, _, _ := strings.Cut(strings.TrimPrefix(e.record, "item:"), "/"); ours[job] {
			known = append(known, e) // others made the people of the calls known
		}
	}
	onceFinal(c, names, known)
	return c, nil
}

// asked is everybody that a job of ours has asked for.
func (t *trial) asked() map[string]*provisioningv1.Agent {
	all := map[string]*provisioningv1.Agent{}
	for _, a := range t.crew {
		all[a.Id] = a
	}
	for i, p := range t.urgent.probes {
		if p.job != "" {
			all[p.agent] = member(p.agent, i+1)
		}
	}
	return all
}

func (t *trial) agentsAsked(ctx context.Context) (*Check, error) {
	c := &Check{Name: "the directory has what was asked for"}
	have, err := t.clients.Agents(ctx, t.cfg.Tenant)
	if err != nil {
		return nil, err
	}
	for id, want := range t.asked() {
		c.Looked++
		if got := have[id]; !proto.Equal(got, want) {
			c.find("agent %s is %v, should be %v", id, got, want)
		}
	}
	return c, nil
}

func (t *trial) agentsCreated(ctx context.Context) (*Check, error) {
	c := &Check{Name: "the directory has created each agent once, and not touched it again"}
	events, err := readAgents(ctx, t.kafka, t.cfg.Tenant)
	if err != nil {
		return nil, err
	}
	var ids []string
	for id := range t.asked() {
		ids = append(ids, id)
	}
	onceCreated(c, ids, events)
	return c, nil
}

func (t *trial) usersEqual(ctx context.Context) (*Check, error) {
	c := &Check{Name: "downstream and directory are equal, attribute by attribute"}
	agents, err := t.clients.Agents(ctx, t.cfg.Tenant)
	if err != nil {
		return nil, err
	}
	users, err := t.stub.users(ctx)
	if err != nil {
		return nil, err
	}
	sameUsers(c, t.cfg.Tenant, users, agents)
	return c, nil
}

func (t *trial) usersCreated(ctx context.Context) (*Check, error) {
	c := &Check{Name: "the downstream was told to create each user once"}
	counts, err := t.stub.counts(ctx)
	if err != nil {
		return nil, err
	}
	for id := range t.asked() {
		c.Looked++
		if n := counts.Creates[id]; n != 1 {
			c.find("user %s was created %d times", id, n)
		}
	}
	for _, id := range counts.Twice {
		if t.asked()[id] == nil {
			c.find("user %s was created more than once", id)
		}
	}
	return c, nil
}

// callsRight is the audit of the calls, before and during.
func (t *trial) callsRight() *Check {
	c := &Check{Name: "each call ended as it should, and was on one screen"}
	for _, audit := range []struct {
		found, calls int
		first        []string
	}{
		{t.calls.Before.Audit.Found, t.calls.Before.Audit.Calls, t.calls.Before.Audit.First},
		{t.calls.During.Audit.Found, t.calls.During.Audit.Calls, t.calls.During.Audit.First},
	} {
		c.Looked += audit.calls
		c.Found += audit.found
		c.First = append(c.First, audit.first[:min(len(audit.first), kept)]...)
	}
	return c
}
