package provisioning_test

import (
	"encoding/json"
	"fmt"
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
	return p.scimAs("", tenant, what, body)
}

// scimAs makes it with a token.
func (p *pod) scimAs(token, tenant, what, body string) (status int, answer map[string]any) {
	p.stage.Helper()
	method, path, _ := strings.Cut(what, " ")
	r, err := http.NewRequestWithContext(p.stage.Context(), method, p.url+"/scim/v2/"+tenant+path, strings.NewReader(body))
	if err != nil {
		p.stage.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
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
	s.await("the downstream is told", func() bool { _, calls, _ := s.downstream.standing(); return calls == 1 })
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

// What an identity provider pushes are agents and queues, by way of jobs.
func TestAnIdentityProviderChangesTheDirectory(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.told())
	ask := func(want int, what, body string) map[string]any {
		t.Helper()
		status, answer := p.scim(s.tenant, what, body)
		if status != want {
			t.Fatalf("%s: %d %v, want %d", what, status, answer, want)
		}
		return answer
	}
	const user = `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ann", "displayName": "Ann", "externalId": "00u1", "active": true}`
	made := ask(http.StatusCreated, "POST /Users", user)
	if made["id"] != "ann" {
		t.Errorf("created as %v", made)
	}
	ask(http.StatusConflict, "POST /Users", user)
	ask(http.StatusCreated, "POST /Users", `{"userName": "bob", "displayName": "Bob"}`)
	ask(http.StatusOK, "PATCH /Users/ann", `{"Operations": [{"op": "replace", "path": "active", "value": false}]}`)
	ask(http.StatusOK, "PATCH /Users/bob", `{"Operations": [{"op": "replace", "value": {"displayName": "Robert"}}]}`)
	agents := p.agents()
	if ann := agents["ann"]; !ann.GetDeactivated() || ann.GetExternalId() != "00u1" || ann.GetName() != "Ann" {
		t.Errorf("ann is %v", ann)
	}
	if agents["bob"].GetName() != "Robert" {
		t.Errorf("bob is %v", agents["bob"])
	}

	group := ask(http.StatusCreated, "POST /Groups", `{"displayName": "Vertrieb Süd", "members": [{"value": "ann"}, {"value": "bob"}]}`)
	if group["id"] != "vertrieb-sud" {
		t.Errorf("created as %v", group)
	}
	status, _ := p.scim(s.tenant, "PATCH /Groups/vertrieb-sud", `{"Operations": [{"op": "remove", "path": "members[value eq \"bob\"]"}]}`)
	if agents = p.agents(); status/100 != 2 || len(agents["ann"].GetQueueIds()) != 1 || len(agents["bob"].GetQueueIds()) != 0 {
		t.Errorf("%d: ann serves %v, bob %v", status, agents["ann"].GetQueueIds(), agents["bob"].GetQueueIds())
	}
	ask(http.StatusNoContent, "DELETE /Groups/vertrieb-sud", "")
	ask(http.StatusNotFound, "GET /Groups/vertrieb-sud", "")
	if agents = p.agents(); len(agents["ann"].GetQueueIds()) != 0 {
		t.Errorf("ann serves %v, which is gone", agents["ann"].GetQueueIds())
	}

	many := ask(http.StatusOK, "POST /Bulk", `{"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
		{"method": "POST", "path": "/Users", "bulkId": "u", "data": {"userName": "eve", "displayName": "Eve"}},
		{"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"displayName": "Support", "members": [{"value": "bulkId:u"}]}},
		{"method": "DELETE", "path": "/Users/ann"}]}`)
	if agents = p.agents(); fmt.Sprint(agents["eve"].GetQueueIds()) != "[support]" || agents["ann"] != nil {
		t.Errorf("in bulk: %v, eve is %v, ann %v", many, agents["eve"], agents["ann"])
	}
	for _, j := range p.list(100) {
		if done := p.ended(j.GetId()); done.GetActor() != "scim" || done.GetFailed() > 0 {
			t.Errorf("a job of it: %v", done)
		}
	}
	told, _, _ := s.downstream.standing()
	if len(told) != 2 || told["bob"] == "" || told["eve"] == "" {
		t.Errorf("the downstream has %v", told)
	}
}

// An identity provider is answered when the directory has the change, however slow the downstream is.
func TestAnIdentityProviderDoesNotWaitForTheDownstream(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.told())
	g := s.gated()
	if status, answer := p.scim(s.tenant, "POST /Users", `{"userName": "ann", "displayName": "Ann"}`); status != http.StatusCreated {
		t.Fatalf("%d %v", status, answer)
	}
	if told, _, _ := s.downstream.standing(); len(told) != 0 {
		t.Errorf("the downstream has %v", told)
	}
	g.leave()
	s.await("it is told in the end", func() bool { told, _, _ := s.downstream.standing(); return told["ann"] != "" })
}
