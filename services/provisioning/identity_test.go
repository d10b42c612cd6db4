package provisioning_test

import (
	"context"
	"net/http"
	"testing"

	"connectrpc.com/connect"
	"go.uber.org/zap"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/pkg/identity/identitytest"
)

// guarded has pods of the stage ask who calls, and gives the provider whose tokens they take.
func (s *stage) guarded() *identitytest.Provider {
	s.Helper()
	provider := identitytest.New()
	s.Cleanup(provider.Close)
	keeper, err := identity.New(identity.Config{
		JWKS: provider.URL + "/keys", Issuer: provider.URL, Audience: identitytest.Audience,
		Claims: identity.ClaimsConfig{Roles: "roles", Tenant: "tenant", Agent: "agent"},
	}, zap.NewNop())
	if err != nil {
		s.Fatal(err)
	}
	s.callers = keeper
	return provider
}

func TestIdentityProvidersPushIntoTheTenantOfTheirToken(t *testing.T) {
	s := newStage(t)
	provider := s.guarded()
	cfg := s.told()
	cfg.SCIM.Token = "kept-forever"
	p := s.startPod("a", cfg)
	of := func(tenant, role string) string {
		return provider.Token(identitytest.Claims{"sub": "idp", "tenant": tenant, "roles": role})
	}
	for name, c := range map[string]struct {
		token  string
		status int
	}{
		"nobody": {"", http.StatusUnauthorized}, "a bad token": {"bad", http.StatusUnauthorized},
		"another tenant's": {of("other", "service"), http.StatusForbidden}, "a supervisor's": {of(s.tenant, "supervisor"), http.StatusForbidden},
		"a program's": {of(s.tenant, "service"), http.StatusOK}, "an admin's": {of(s.tenant, "admin"), http.StatusOK},
		"the one of scim.token": {"kept-forever", http.StatusOK},
	} {
		if status, answer := p.scimAs(c.token, s.tenant, "GET /Users", ""); status != c.status {
			t.Errorf("%s: %d %v, want %d", name, status, answer, c.status)
		}
	}
}

func TestWhoAskedForAJobIsWhoTheTokenSays(t *testing.T) {
	s := newStage(t)
	provider := s.guarded()
	p := s.startPod("a", s.told())
	token := provider.Token(identitytest.Claims{"sub": "u-7", "tenant": s.tenant, "roles": "admin"})
	jobs := provisioningv1connect.NewJobServiceClient(http.DefaultClient, p.url, edge.WithToken(func(context.Context) (string, error) { return token, nil }))
	made, err := jobs.CreateJob(t.Context(), connect.NewRequest(&provisioningv1.CreateJobRequest{
		Tenant: s.tenant, RequestId: "r-1", Actor: "the boss",
		Items: []*provisioningv1.Item{{Kind: provisioningv1.Item_KIND_UPSERT_AGENT, Agent: agent("ann")}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got := made.Msg.Job.Actor; got != "the boss (u-7)" {
		t.Errorf("%q", got)
	}
}
