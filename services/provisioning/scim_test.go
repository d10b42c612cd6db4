package provisioning_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// scim makes a request of an identity provider.
func (p *pod) scim(tenant, what, body string) (status int, answer map[string]any) {
	p.stage.Helper()
	method, path, _ := strings.Cut(what, " ")
	r, err := http.NewRequestWithContext(p.stage.Context(), method, p.url+"/scim/v2/"+tenant+path, strings.NewReader(body))
	if err != nil {
		p.stage.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		p.stage.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.stage.Fatal(err)
	}
	if len(text) > 0 && json.Unmarshal(text, &answer) != nil {
		p.stage.Fatalf("%s: %d %s", what, res.StatusCode, text)
	}
	return res.StatusCode, answer
}

func TestAnIdentityProviderFindsTheDirectory(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.told())
	if _, err := p.directory.CreateQueue(t.Context(), s.queue("support")); err != nil {
		t.Fatal(err)
	}
	ann, bea := agent("ann", "support"), agent("bea")
	ann.ExternalId = "00u-{1} ü"
	for _, a := range []*provisioningv1.Agent{ann, bea} {
		if _, err := p.directory.CreateAgent(t.Context(), connect.NewRequest(&provisioningv1.CreateAgentRequest{Tenant: s.tenant, Agent: a})); err != nil {
			t.Fatal(err)
		}
	}
	total := func(query string) any {
		t.Helper()
		status, answer := p.scim(s.tenant, "GET "+query, "")
		if status != http.StatusOK {
			t.Fatalf("%s: %d %v", query, status, answer)
		}
		return answer["totalResults"]
	}
	const byExternalID = `/Users?filter=externalId+eq+%2200u-%7B1%7D+%C3%BC%22`
	for query, want := range map[string]float64{
		"/Users": 2, "/Groups": 1, byExternalID: 1, `/Users?filter=userName+eq+%22bea%22`: 1, `/Users?filter=displayName+co+%22agent%22`: 2,
		`/Groups?filter=members+eq+%22ann%22`: 1, `/Groups?filter=members+eq+%22bea%22`: 0, `/Users?filter=groups.display+eq+%22queue+support%22`: 1,
	} {
		if got := total(query); got != want {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	if status, answer := p.scim("nobody", "GET /Users", ""); status != http.StatusNotFound {
		t.Errorf("another tenant: %d %v", status, answer)
	}

	// The index of external ids comes back with everything else.
	s.flush()
	s.await("the state is rebuilt", func() bool {
		status, answer := p.scim(s.tenant, "GET "+byExternalID, "")
		return status == http.StatusOK && answer["totalResults"] == 1.0
	})

	// A change is a job's item: the downstream is told of it.
	if status, answer := p.scim(s.tenant, "DELETE /Users/ann", ""); status != http.StatusNoContent {
		t.Fatalf("%d %v", status, answer)
	}
	if status, _ := p.scim(s.tenant, "GET /Users/ann", ""); status != http.StatusNotFound || total(byExternalID) != 0.0 {
		t.Errorf("ann is still there: %d", status)
	}
	if _, calls, _ := s.downstream.standing(); calls != 1 {
		t.Errorf("%d calls of the downstream, want 1", calls)
	}
}

func TestTheSCIMServerCanBeOff(t *testing.T) {
	s := newStage(t)
	cfg := s.quick()
	cfg.SCIM.Enabled = false
	p := s.startPod("a", cfg)
	res, err := http.Get(p.url + "/scim/v2/" + s.tenant + "/Users")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusNotFound || res.Header.Get("Content-Type") == "application/scim+json" {
		t.Errorf("%s", res.Status)
	}
}
