package connector

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// ErrUnreadable says that agents cannot be read back from the downstream as it is configured.
var ErrUnreadable = errors.New("read_url is empty, so no agent can be read back; set it")

// sight is what was seen in the downstream.
type sight struct {
	found       bool
	differences []difference
}

// Read compares what stands in the downstream for an agent with what should, attribute by attribute, in words for a
// person. It waits as Send does for bulk changes, and is repeated as often. Difference is empty if all is as it should
// be. The error says that it is not known: ctx ended, the downstream refused or went wrong too often, or ErrUnreadable.
// Without a downstream all is as it should be.
func (c *Connector) Read(ctx context.Context, tenant string, agent *provisioningv1.Agent) (Difference []string, found bool, err error) {
	if c == nil {
		return nil, true, nil
	}
	if c.cfg.Kind == kindHTTP && c.cfg.ReadURL == "" {
		return nil, false, fmt.Errorf("downstream %s: %w", c.cfg.Name, ErrUnreadable)
	}
	var seen sight
	last, _, err := c.insist(ctx, func(ctx context.Context) (last said) {
		seen, last = c.way.look(ctx, tenant, agent)
		return last
	})
	if err == nil && last.kind != taken {
		err = errors.New(last.words)
	}
	if err != nil {
		return nil, false, fmt.Errorf("read agent %s back from %s: %w", agent.GetId(), c.cfg.Name, err)
	}
	return inAllWords(seen.differences), seen.found, nil
}

func (s *scim) look(ctx context.Context, tenant string, agent *provisioningv1.Agent) (sight, said) {
	found, no := s.agent(ctx, tenant, externalID(tenant, agent))
	if no.kind != taken || found == nil {
		return sight{}, no
	}
	all := found.differences(userOf(tenant, agent))
	if !s.wire.cfg.Groups {
		return sight{true, all}, said{}
	}
	in, no := s.groupsOf(ctx, tenant, found.text("id"))
	return sight{true, append(all, groupDifference(in, agent.GetQueueIds())...)}, no
}

// look compares the attributes that the wanted body has: what the downstream has besides is its own.
func (p *plain) look(ctx context.Context, tenant string, agent *provisioningv1.Agent) (sight, said) {
	text, err := p.body.of(Change{Tenant: tenant, Agent: agent})
	if err != nil {
		return sight{}, said{kind: refused, words: "encode agent " + agent.GetId() + " by " + p.cfg.key("body") + ": " + err.Error()}
	}
	var wanted, there map[string]any
	if err := decode(text, &wanted); err != nil {
		return sight{}, said{kind: refused, words: p.cfg.key("body") + " makes no JSON object of agent " + agent.GetId() + ": " + err.Error()}
	}
	a := p.wire.send(ctx, request{method: http.MethodGet, address: filled(p.cfg.ReadURL, tenant, agent), header: http.Header{"Accept": {"application/json"}}})
	switch {
	case a.gone():
		return sight{}, said{}
	case a.kind != taken:
		return sight{}, a.said
	case decode(a.body, &there) != nil || there == nil:
		return sight{}, said{kind: wentWrong, words: a.words + ", which is no JSON object"}
	}
	return sight{true, lacks("", there, wanted)}, said{}
}
