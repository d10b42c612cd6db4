package presence_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/coder/websocket"
	"go.uber.org/zap"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/presence/v1/presencev1connect"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/pkg/identity/identitytest"
	"github.com/busyhour/busyhour/services/agent-presence"
)

// guardedPod is a pod that asks who calls, and the provider whose tokens it takes.
func guardedPod(t *testing.T, cfg presence.Config) (*pod, *identitytest.Provider) {
	t.Helper()
	provider := identitytest.New()
	t.Cleanup(provider.Close)
	keeper, err := identity.New(identity.Config{
		JWKS: provider.URL + "/keys", Issuer: provider.URL, Audience: identitytest.Audience,
		Claims: identity.ClaimsConfig{Roles: "roles", Tenant: "tenant", Agent: "agent"},
	}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t)
	s.hire("ann", "bob")
	s.callers = keeper
	return s.startPod("pod-a", cfg), provider
}

func ofAgent(agent string, lasts time.Duration) identitytest.Claims {
	return identitytest.Claims{"sub": "u-" + agent, "tenant": tenant, "agent": agent, "roles": "agent", "exp": time.Now().Add(lasts).Unix()}
}

// enters sends the log-in, and gives how the server takes it: "" if it does, or the reason of the refusal.
func (s *screen) enters(agent, token string) string {
	s.t.Helper()
	go s.read()
	s.send(&presencev1.ClientFrame{RequestId: "login", Frame: &presencev1.ClientFrame_LogIn{
		LogIn: &presencev1.LogIn{Tenant: tenant, AgentId: agent, Token: token},
	}})
	s.await("an answer", func() bool { return s.answers["login"] != nil })
	return s.answers["login"].GetRefused().GetRefusal().GetReason()
}

func (s *screen) closedWith() websocket.StatusCode {
	s.t.Helper()
	s.await("the end", func() bool { return s.closed != nil })
	return websocket.CloseStatus(s.closed)
}

func TestAScreenIsOfTheAgentOfItsToken(t *testing.T) {
	p, provider := guardedPod(t, quick())
	good := provider.Token(ofAgent("ann", time.Hour))
	for _, c := range []struct {
		name, agent, token, reason string
		code                       websocket.StatusCode
	}{
		{"nobody", "ann", "", "TOKEN_MISSING", edge.CloseUnauthenticated},
		{"a bad token", "ann", good + "x", "TOKEN_INVALID", edge.CloseUnauthenticated},
		{"an old token", "ann", provider.Token(ofAgent("ann", -time.Minute)), "TOKEN_EXPIRED", edge.CloseUnauthenticated},
		{"somebody else", "bob", good, "AGENT_DENIED", edge.CloseDenied},
		{"another tenant's", "ann", provider.Token(identitytest.Claims{"tenant": "other", "agent": "ann", "roles": "agent"}), "TENANT_DENIED", edge.CloseDenied},
		{"a supervisor", "ann", provider.Token(identitytest.Claims{"tenant": tenant, "roles": "supervisor"}), "ROLE_MISSING", edge.CloseDenied},
	} {
		s := p.dial(t, false)
		if got := s.enters(c.agent, c.token); got != c.reason {
			t.Errorf("%s: %q, want %s", c.name, got, c.reason)
		} else if code := s.closedWith(); code != c.code {
			t.Errorf("%s: closed with %d, want %d", c.name, code, c.code)
		}
	}
	if got := p.dial(t, false).enters("ann", good); got != "" {
		t.Errorf("ann: %s", got)
	}
	admin := provider.Token(identitytest.Claims{"tenant": tenant, "roles": "admin"})
	if got := p.dial(t, true).enters("bob", admin); got != "" {
		t.Errorf("an admin as bob: %s", got)
	}
}

func TestASessionLastsAsLongAsItsTokenOrTheNext(t *testing.T) {
	p, provider := guardedPod(t, quick())
	stays, goes := p.dial(t, false), p.dial(t, false)
	for _, s := range []*screen{stays, goes} {
		if got := s.enters("ann", provider.Token(ofAgent("ann", 3*time.Second))); got != "" {
			t.Fatal(got)
		}
	}
	renew := func(token string) string {
		stays.send(&presencev1.ClientFrame{RequestId: token[len(token)-20:], Frame: &presencev1.ClientFrame_Renew{Renew: &presencev1.Renew{Token: token}}})
		stays.await("an answer", func() bool { return stays.answers[token[len(token)-20:]] != nil })
		return stays.answers[token[len(token)-20:]].GetRefused().GetRefusal().GetReason()
	}
	if got := renew(provider.Token(ofAgent("bob", time.Hour))); got != "AGENT_DENIED" {
		t.Errorf("with bob's token: %q", got)
	}
	if got := renew(provider.Token(ofAgent("ann", time.Hour))); got != "" {
		t.Errorf("with a newer token: %s", got)
	}
	if code := goes.closedWith(); code != edge.CloseUnauthenticated {
		t.Errorf("closed with %d", code)
	}
	beats := stays.count["heartbeat"]
	stays.await("another heartbeat", func() bool { return stays.count["heartbeat"] > beats+1 })
}

func TestATokenInTheHeaderWillDo(t *testing.T) {
	p, provider := guardedPod(t, quick())
	header := http.Header{"Authorization": {"Bearer " + provider.Token(ofAgent("ann", time.Hour))}}
	s := p.dialWith(t, false, header)
	if got := s.enters("ann", ""); got != "" {
		t.Error(got)
	}
}

func TestAnActCarriesTheTokenOfItsScreen(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	router, url := s.startRouter(func(*routingv1.ActRequest) error { return nil })
	cfg := quick()
	cfg.Routing.URLs = []string{url}
	p, provider := guardedPod(t, cfg)
	token := provider.Token(ofAgent("ann", time.Hour))
	desk := p.dial(t, false)
	if got := desk.enters("ann", token); got != "" {
		t.Fatal(got)
	}
	desk.act("c-1", routingv1.ActRequest_ACTION_ACCEPT)
	if !slices.Equal(router.as, []string{"Bearer " + token}) {
		t.Errorf("asked as %v", router.as)
	}
}

func TestPresenceIsForThoseWhoMay(t *testing.T) {
	p, provider := guardedPod(t, quick())
	client := presencev1connect.NewPresenceServiceClient(p.http, p.url, edge.WithToken(func(context.Context) (string, error) {
		return provider.Token(ofAgent("ann", time.Hour)), nil
	}))
	for agent, want := range map[string]connect.Code{"ann": 0, "bob": connect.CodePermissionDenied} {
		_, err := client.Get(t.Context(), connect.NewRequest(&presencev1.GetRequest{Tenant: tenant, AgentId: agent}))
		if err != nil && connect.CodeOf(err) != want || err == nil && want != 0 {
			t.Errorf("%s: %v", agent, err)
		}
		stream, err := client.Watch(t.Context(), connect.NewRequest(&presencev1.WatchRequest{Tenant: tenant, AgentIds: []string{agent}}))
		if err != nil {
			t.Fatal(err)
		}
		if came := stream.Receive(); came != (want == 0) || !came && connect.CodeOf(stream.Err()) != want {
			t.Errorf("watching %s: %v, %v", agent, came, stream.Err())
		}
		stream.Close()
	}
}
