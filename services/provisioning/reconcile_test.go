package provisioning_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
	"github.com/busyhour/busyhour/services/provisioning"
)

// users is a downstream that is a SCIM server, as far as agents need one.
type users struct {
	url string

	mu   sync.Mutex
	byID map[string]map[string]any
	made int
}

func newUsers(t *testing.T) *users {
	u := &users{byID: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /Users", u.list)
	mux.HandleFunc("POST /Users", u.put)
	mux.HandleFunc("PUT /Users/{id}", u.put)
	mux.HandleFunc("DELETE /Users/{id}", u.remove)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	u.url = server.URL
	return u
}

func (u *users) list(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var attribute, operator, value string
	_, _ = fmt.Sscanf(r.FormValue("filter"), "%s %s %q", &attribute, &operator, &value)
	found := []any{}
	for _, id := range slices.Sorted(maps.Keys(u.byID)) {
		has, _ := u.byID[id][attribute].(string)
		if has == value || operator == "sw" && strings.HasPrefix(has, value) {
			found = append(found, u.byID[id])
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"totalResults": len(found), "Resources": found})
}

func (u *users) put(w http.ResponseWriter, r *http.Request) {
	var attributes map[string]any
	if err := json.NewDecoder(r.Body).Decode(&attributes); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	id := r.PathValue("id")
	if id == "" {
		u.made++
		id = fmt.Sprint("u-", u.made)
	}
	attributes["id"] = id
	u.byID[id] = attributes
	_ = json.NewEncoder(w).Encode(attributes)
}

func (u *users) remove(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.byID, r.PathValue("id"))
	w.WriteHeader(http.StatusNoContent)
}

// standing are the users' names by externalId.
func (u *users) standing() map[string]any {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := map[string]any{}
	for _, attributes := range u.byID {
		all[attributes["externalId"].(string)] = attributes["displayName"]
	}
	return all
}

// tamper changes users behind our back: those of an externalId become what change makes of them; nil: nothing.
func (u *users) tamper(externalID string, change func(map[string]any) map[string]any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, attributes := range u.byID {
		if attributes["externalId"] == externalID {
			if u.byID[id] = change(maps.Clone(attributes)); u.byID[id] == nil {
				delete(u.byID, id)
			}
		}
	}
}

func (u *users) add(externalID, name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.byID["by hand "+externalID] = map[string]any{"id": "by hand " + externalID, "userName": name, "externalId": externalID, "displayName": name}
}

// reconciled is a configuration with users for a downstream. Rounds are made by command only.
func (s *stage) reconciled(u *users) provisioning.Config {
	cfg := s.quick()
	cfg.Downstream.Kind, cfg.Downstream.URL, cfg.Downstream.Private = "scim", u.url, true
	cfg.Reconcile.Enabled, cfg.Reconcile.Rate = false, 1000
	return cfg
}

func (p *pod) reconciler() provisioningv1connect.ReconcileServiceClient {
	return provisioningv1connect.NewReconcileServiceClient(http.DefaultClient, p.url)
}

// reconcile makes a round and waits for its end, and for that of its jobs.
func (p *pod) reconcile(r *provisioningv1.ReconcileRequest) *provisioningv1.Reconciliation {
	p.stage.Helper()
	r.Tenant, r.Actor = p.stage.tenant, "test"
	begun, err := p.reconciler().Reconcile(p.stage.Context(), connect.NewRequest(r))
	if err != nil {
		p.stage.Fatal(err)
	}
	report := begun.Msg.GetReconciliation()
	p.stage.await("the round has ended", func() bool {
		if report.EndedAt == nil {
			report = p.report()
		}
		return report.EndedAt != nil
	})
	for _, id := range report.JobIds {
		p.ended(id)
	}
	return report
}

func (p *pod) report() *provisioningv1.Reconciliation {
	res, err := p.reconciler().GetReconciliation(p.stage.Context(), connect.NewRequest(&provisioningv1.GetReconciliationRequest{Tenant: p.stage.tenant}))
	if err != nil {
		return &provisioningv1.Reconciliation{}
	}
	return res.Msg.GetReconciliation()
}

func told(r *provisioningv1.Reconciliation) (all []string) {
	for _, d := range r.GetDrifts() {
		all = append(all, fmt.Sprint(d.GetAgentId(), " ", strings.TrimPrefix(d.GetKind().String(), "KIND_"), " ", d.GetJobId() != "", " ", d.GetUnrepaired() != ""))
	}
	slices.Sort(all)
	return all
}

func TestTheDownstreamBecomesAsTheDirectorySays(t *testing.T) {
	s, u := newStage(t), newUsers(t)
	p := s.startPod("a", s.reconciled(u))
	p.ended(p.mustCreate("r-1", upsert("ann", "Ann"), upsert("bea", "Bea"), upsert("cid", "Cid"), upsert("dan", "Dan")).GetId())
	p.ended(p.mustCreate("r-2", deletion("cid")).GetId())
	u.tamper(s.tenant+"/ann", func(a map[string]any) map[string]any { a["displayName"] = "Mallory"; return a })
	u.tamper(s.tenant+"/bea", func(map[string]any) map[string]any { return nil })
	u.add(s.tenant+"/cid", "Cid")
	u.add(s.tenant+"/eve", "Eve")
	u.add("else/fay", "Fay")
	before := u.standing()
	drift := "[ann DRIFTED %t false bea MISSING %[1]t false cid EXTRA %[1]t false eve EXTRA false true]"

	r := p.reconcile(&provisioningv1.ReconcileRequest{DryRun: true})
	if got, want := fmt.Sprint(told(r)), fmt.Sprintf(drift, false); got != want {
		t.Errorf("a dry run tells %s, want %s", got, want)
	}
	if got := u.standing(); !maps.Equal(got, before) {
		t.Errorf("a dry run has changed %v", got)
	}
	if p.metric("busyhour_provisioning_reconcile_age_seconds") != 0 {
		t.Error("a dry run counts as a round")
	}

	r = p.reconcile(&provisioningv1.ReconcileRequest{})
	if got, want := fmt.Sprint(told(r)), fmt.Sprintf(drift, true); got != want {
		t.Errorf("the report tells %s, want %s", got, want)
	}
	want := map[string]any{"else/fay": "Fay"}
	for id, name := range map[string]string{"ann": "Ann", "bea": "Bea", "dan": "Dan", "eve": "Eve"} {
		want[s.tenant+"/"+id] = name
	}
	if got := u.standing(); !maps.Equal(got, want) {
		t.Errorf("the downstream has %v, want %v", got, want)
	}
	if j := p.job(r.JobIds[0]); j.GetActor() != "reconciler" || j.GetApplied() != 3 || len(r.JobIds) != 1 {
		t.Errorf("repaired by %v", j)
	}
	if got := p.metric("busyhour_provisioning_unreconciled"); got != 1 {
		t.Errorf("%v unreconciled", got)
	}

	r = p.reconcile(&provisioningv1.ReconcileRequest{})
	if r.GetSame() != 3 || r.GetLookedAt() != 3 || fmt.Sprint(told(r)) != "[eve EXTRA false true]" || r.GetProblem() != "" {
		t.Errorf("after it: %v", r)
	}
	u.tamper(s.tenant+"/dan", func(map[string]any) map[string]any { return nil })
	if r = p.reconcile(&provisioningv1.ReconcileRequest{AgentId: "dan"}); fmt.Sprint(told(r)) != "[dan MISSING true false]" || u.standing()[s.tenant+"/dan"] != "Dan" {
		t.Errorf("dan alone: %v", r)
	}
}

func TestADriftThatComesBackIsReportedOnTheRealState(t *testing.T) {
	s, u := newStage(t), newUsers(t)
	p := s.startPod("a", s.reconciled(u))
	p.ended(p.mustCreate("r-1", upsert("r", "Ann")).GetId()) // a field of every record has that name, too
	for round := range 5 {
		u.tamper(s.tenant+"/r", func(a map[string]any) map[string]any { a["displayName"] = "Mallory"; return a })
		r := p.reconcile(&provisioningv1.ReconcileRequest{})
		if repaired := round < 3; repaired != (r.GetRepaired() == 1) || repaired == (r.GetUnrepaired() == 1) {
			t.Errorf("round %d: %v", round+1, r)
		}
	}
	s.flush()
	s.await("the report is gone with the epoch", func() bool { return p.report().GetTenant() == "" })
	s.await("the state is back", func() bool { return len(p.agents()) == 1 })
	if r := p.reconcile(&provisioningv1.ReconcileRequest{}); r.GetRepaired() != 1 {
		t.Errorf("after all was lost: %v", r)
	}
}

func TestRoundsAreMadeByThemselves(t *testing.T) {
	s, u := newStage(t), newUsers(t)
	cfg := s.reconciled(u)
	cfg.Reconcile.Enabled, cfg.Reconcile.Every = true, 50*time.Millisecond
	p := s.startPod("a", cfg)
	s.startPod("b", cfg)
	p.ended(p.mustCreate("r-1", upserts(30)...).GetId())
	u.tamper(s.tenant+"/agent-00007", func(map[string]any) map[string]any { return nil })
	s.await("it is back", func() bool { return u.standing()[s.tenant+"/agent-00007"] != nil })
}

func TestWithoutADownstreamNothingIsCompared(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	_, err := p.reconciler().Reconcile(t.Context(), connect.NewRequest(&provisioningv1.ReconcileRequest{Tenant: s.tenant}))
	if connect.CodeOf(err) != connect.CodeFailedPrecondition || !strings.Contains(err.Error(), "downstream.url") {
		t.Errorf("%v", err)
	}
	_, err = p.reconciler().GetReconciliation(t.Context(), connect.NewRequest(&provisioningv1.GetReconciliationRequest{Tenant: s.tenant}))
	if connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("%v", err)
	}
}
