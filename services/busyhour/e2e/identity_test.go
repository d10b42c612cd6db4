//go:build stack

package e2e

import (
	"context"
	"errors"
	"testing"
	"time"

	"connectrpc.com/connect"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/identity/identitytest"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// who is a token source of somebody of a tenant.
func who(tenant, role, agent string) edge.TokenSource {
	token := w.issuer.Token(identitytest.Claims{"sub": role, "tenant": tenant, "roles": role, "agent": agent})
	return func(context.Context) (string, error) { return token, nil }
}

// as are clients of somebody, at the address of the page: what is not agent-presence's, it passes on.
func (s *stage) as(token edge.TokenSource) *simulate.Clients {
	at := simulate.At(w.fleet.URLs(fleet.Presence)...)
	at.Token = token
	c := at.Dial()
	s.t.Cleanup(c.Close)
	return c
}

// A call from switch to agent to supervisor, each with a token of their own.
func TestEverybodyDoesTheirPartByTheirToken(t *testing.T) {
	s := set(t, within(t, time.Minute), "identity", nil, "ann", "bob")
	s.token = who(s.tenant, "agent", "ann")
	ann := s.desk("ann").available()
	s.token = who(s.tenant, "switch", "")
	sw := s.dial("sw-1")
	call := s.call(sw)
	if got := s.offered(call); got != ann {
		t.Fatalf("it rings at %s", got.Agent())
	}
	ann.accept(call)
	ann.shows(call.Contact, connected)

	closing := &routingv1.CloseContactRequest{Tenant: s.tenant, ContactId: call.Contact, Reason: "a test"}
	for role, token := range map[string]edge.TokenSource{
		"an agent": who(s.tenant, "agent", "ann"), "a switch": who(s.tenant, "switch", ""), "a service": who(s.tenant, "service", ""),
		"a supervisor of another tenant": who("other", "supervisor", ""),
	} {
		if _, err := s.as(token).CloseContact(s.ctx, closing); connect.CodeOf(err) != connect.CodePermissionDenied {
			t.Errorf("%s closes a call: %v", role, err)
		}
	}
	expired := w.issuer.Token(identitytest.Claims{"tenant": s.tenant, "roles": "supervisor", "exp": time.Now().Add(-time.Hour).Unix()})
	if _, err := s.as(func(context.Context) (string, error) { return expired, nil }).CloseContact(s.ctx, closing); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("by an expired token: %v", err)
	}
	w.issuer.Rotate() // the supervisor's token has a key that nobody has seen yet
	if _, err := s.as(who(s.tenant, "supervisor", "")).CloseContact(s.ctx, closing); err != nil {
		t.Errorf("a supervisor: %v", err)
	}
	ann.clear()
}

func TestNobodyIsSomebodyElse(t *testing.T) {
	s := set(t, within(t, time.Minute), "identity", nil, "ann", "bob")
	refused := make(chan error, 1)
	screen := simulate.NewScreen(simulate.ScreenConfig{
		Tenant: s.tenant, Agent: "bob", URLs: w.fleet.URLs(fleet.Presence), Token: who(s.tenant, "agent", "ann"),
		Lost: func(err error) {
			select {
			case refused <- err:
			default:
			}
		},
	})
	run(t, screen.Run)
	lost := make(chan error, 1)
	sw := simulate.NewSwitch(simulate.SwitchConfig{Stream: simulate.StreamConfig{
		Tenant: s.tenant, Switch: "sw-1", URLs: w.fleet.URLs(fleet.Routing), Token: who("other", "switch", ""),
		Lost: func(err error) {
			select {
			case lost <- err:
			default:
			}
		},
	}})
	run(t, sw.Run)
	select {
	case err := <-refused:
		no := &simulate.Refusal{}
		if !errors.As(err, &no) || no.Reason != "AGENT_DENIED" {
			t.Errorf("ann as bob: %v", err)
		}
	case <-s.ctx.Done():
		t.Error("ann is let in as bob")
	}
	select {
	case err := <-lost:
		if connect.CodeOf(err) != connect.CodePermissionDenied {
			t.Errorf("a switch of another tenant: %v", err)
		}
	case <-s.ctx.Done():
		t.Error("a switch of another tenant is let in")
	}
}
