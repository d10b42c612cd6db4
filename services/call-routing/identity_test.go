package routing_test

import (
	"context"
	"testing"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/zap"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/routing/v1/routingv1connect"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/pkg/identity/identitytest"
)

// A switch's stream is of the tenant of its token, and lasts as long.
func TestASwitchIsOfTheTenantOfItsToken(t *testing.T) {
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
	s.callers = keeper
	p := s.startPod("pod-1")
	opens := func(claims identitytest.Claims) (welcome, end error) {
		token := provider.Token(claims)
		stream := routingv1connect.NewSignalingServiceClient(s.http2(), p.url, connect.WithGRPC(), edge.WithToken(func(context.Context) (string, error) { return token, nil })).Connect(t.Context())
		if err := stream.Send(&routingv1.ConnectRequest{Message: &routingv1.ConnectRequest_Hello{Hello: &routingv1.Hello{
			Tenant: s.tenant, SwitchId: "sw-1", StreamId: "s-1", ResumeFrom: 1, BootId: "b-1",
		}}}); err != nil {
			return err, nil
		}
		if _, err := stream.Receive(); err != nil {
			return err, nil
		}
		for {
			if _, err := stream.Receive(); err != nil {
				return nil, err
			}
		}
	}
	for role, claims := range map[string]identitytest.Claims{
		"a switch of another tenant": {"roles": "switch", "tenant": "other"},
		"an agent":                   {"roles": "agent", "tenant": s.tenant, "agent": "ann"},
		"an admin":                   {"roles": "admin", "tenant": s.tenant},
	} {
		if welcome, _ := opens(claims); connect.CodeOf(welcome) != connect.CodePermissionDenied {
			t.Errorf("%s: %v", role, welcome)
		}
	}
	welcome, end := opens(identitytest.Claims{"roles": "switch", "tenant": s.tenant, "exp": time.Now().Add(3 * time.Second).Unix()})
	if welcome != nil || connect.CodeOf(end) != connect.CodeUnauthenticated {
		t.Errorf("a switch: %v, then %v", welcome, end)
	}
}
