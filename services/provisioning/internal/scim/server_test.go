package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

func TestWhatCannotBeRead(t *testing.T) {
	s := newSite(t, Config{})
	s.bea()
	for _, c := range []struct {
		status          int
		what, body      string
		scimType        string
		header, header2 string
	}{
		{400, "POST /Users", `{`, invalidSyntax, "", ""},
		{400, "POST /Users", `[]`, invalidSyntax, "", ""},
		{400, "POST /Users", `null`, invalidSyntax, "", ""},
		{400, "POST /Users", `{"userName":"x"} {}`, invalidSyntax, "", ""},
		{400, "POST /Users", `{"userName":"x","USERNAME":"y"}`, invalidSyntax, "", ""},
		{400, "POST /Users", strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100), invalidSyntax, "", ""},
		{400, "POST /Users", strings.Repeat("[", 100_000), invalidSyntax, "", ""},
		{400, "POST /Users", `{"schemas":["urn:x"],"userName":"x"}`, invalidSyntax, "", ""},
		{400, "POST /Users", `{}`, invalidValue, "", ""},
		{400, "POST /Users", `{"userName":"two words"}`, invalidValue, "", ""},
		{400, "POST /Users", `{"userName":"x","externalId":"` + strings.Repeat("x", 257) + `"}`, invalidValue, "", ""},
		{413, "POST /Users", `{"userName":"` + strings.Repeat("x", 1<<20) + `"}`, "", "", ""},
		{415, "POST /Users", `{"userName":"x"}`, "", "Content-Type", "text/plain"},
		{415, "POST /Users", "", "", "", ""},
		{400, "PUT /Users/bea", `{"userName":"bea","id":"ann"}`, mutability, "", ""},
		{400, "PUT /Users/bea", `{"userName":"bea","name":"Bea"}`, invalidValue, "", ""},
		{400, "PUT /Users/bea", `{"userName":"bea","phoneNumbers":["1"]}`, invalidValue, "", ""},
		{400, "PUT /Users/bea", `{"userName":"bea","` + agentSchema + `":{"capacity":[{"channel":"fax"}]}}`, invalidValue, "", ""},
		{400, "PUT /Users/bea", `{"userName":"bea","` + agentSchema + `":{"queues":[7]}}`, invalidValue, "", ""},
		{404, "PUT /Users/ann", `{"userName":"ann"}`, "", "", ""},
		{400, "PATCH /Users/bea", `{"Operations":[]}`, invalidSyntax, "", ""},
		{400, "PATCH /Users/bea", `{"Operations":[7]}`, invalidSyntax, "", ""},
		{400, "PATCH /Users/bea", `{"schemas":["urn:x"],"Operations":[{"op":"remove","path":"title"}]}`, invalidSyntax, "", ""},
		{400, "PATCH /Users/bea", `{"Operations":[{"op":"add","path":7,"value":1}]}`, invalidPath, "", ""},
		{404, "GET /Users/b%2Fa", "", "", "", ""},
		{404, "GET /Users/bea/name", "", "", "", ""},
		{404, "GET /Nothing", "", "", "", ""},
		{404, "GET /", "", "", "", ""},
		{404, "GET /Schemas/urn:x", "", "", "", ""},
		{404, "GET /Bulk/1", "", "", "", ""},
		{405, "DELETE /Users", "", "", "", ""},
		{405, "POST /Users/bea", `{}`, "", "", ""},
		{405, "GET /Bulk", "", "", "", ""},
		{405, "POST /Schemas", "", "", "", ""},
		{501, "POST /.search", `{}`, "", "", ""},
		{405, "DELETE /Schemas", "", "", "", ""},
		{403, "GET /Schemas?filter=a", "", "", "", ""},
		{501, "GET /Me", "", "", "", ""},
		{405, "BREW /Users", "", "", "", ""},
	} {
		a := s.wants(c.status, c.what, c.body, c.header, c.header2)
		if got := fmt.Sprintf("%v %v", a.body["schemas"], a.body["status"]); got != fmt.Sprintf("[%s] %d", errorSchema, c.status) || a.body["detail"] == "" {
			t.Errorf("%s %s: %s", c.what, short(c.body), a.text)
		}
		if allow := a.header.Get("Allow"); (c.status == 405) != (allow != "") {
			t.Errorf("%s: Allow is %q", c.what, allow)
		}
		if got, _ := a.body["scimType"].(string); got != c.scimType {
			t.Errorf("%s %s: scimType %q, want %q (%s)", c.what, short(c.body), got, c.scimType, a.text)
		}
	}
	if got := s.did(); got != "" {
		t.Errorf("items %s", got)
	}
}

func TestWhatItCanDoIsDescribed(t *testing.T) {
	s := newSite(t, Config{})
	if a := s.wants(200, "GET /ServiceProviderConfig", ""); a.header.Get("Content-Type") != scimJSON || a.body["patch"].(object)["supported"] != true {
		t.Error(a.text)
	}
	if got := s.wants(200, "GET /ResourceTypes", "").ids(); got != "User Group" {
		t.Error(got)
	}
	if got := s.wants(200, "GET /Schemas", "").ids(); got != userSchema+" "+groupSchema+" "+agentSchema {
		t.Error(got)
	}
	s.wants(200, "GET /Schemas/"+agentSchema, "")
	s.wants(200, "GET /ResourceTypes/User", "")
}

func TestOnlyWhoHasTheTokenIsAnswered(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []Config{{Token: "hush"}, {TokenFile: file}} {
		s := newSite(t, cfg)
		for _, sent := range []string{"", "hush", "Bearer", "Bearer Hush", "Basic hush", "Bearer hushhush"} {
			if a := s.wants(401, "GET /Users", "", "Authorization", sent); !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%q: no challenge", sent)
			}
		}
		s.wants(200, "GET /Users", "", "Authorization", "Bearer hush")
		s.wants(200, "GET /Users", "", "Authorization", "bearer hush")
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	newSite(t, Config{TokenFile: file}).wants(500, "GET /Users", "", "Authorization", "Bearer ")
	if err := (&Config{Token: "a", TokenFile: "b"}).Validate(); err == nil {
		t.Error("two tokens are taken")
	}
}

func TestRequestsAreCounted(t *testing.T) {
	s := newSite(t, Config{})
	s.ask("GET /Users", "")
	s.ask("GET /Users/nobody", "")
	s.ask("BREW /Users", "")
	families, err := s.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range families[0].GetMetric() {
		got = append(got, m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue())
	}
	if text := strings.Join(got, ", "); text != "GET 200, GET 404, other 405" {
		t.Error(text)
	}
}

func TestAPanicIsAnAnswer(t *testing.T) {
	s := newSite(t, Config{})
	s.before = func(*provisioningv1.Item) string { panic("oh") }
	if a := s.wants(500, "POST /Users", `{"userName":"ann"}`); a.body["detail"] != "internal error" {
		t.Error(a.text)
	}
}

func TestErrorsInTheWordsOfSCIM(t *testing.T) {
	for _, c := range []struct {
		err      error
		status   int
		scimType string
	}{
		{refusal.New(refusal.Invalid, "INVALID_ITEMS", "x"), 400, invalidValue},
		{fmt.Errorf("step: %w", refusal.New(refusal.Unavailable, "UNVERIFIED", "x")), 503, ""},
		{refusal.New(refusal.NotFound, "TENANT_UNKNOWN", "x"), 404, ""},
		{refusal.New(refusal.Exists, "EXISTS", "x"), 409, uniqueness},
		{context.DeadlineExceeded, 503, ""},
		{errors.New("redis: broken"), 500, ""},
	} {
		if p := problemOf(c.err); p.status != c.status || p.scimType != c.scimType || strings.Contains(p.detail, "redis") {
			t.Errorf("%v: %+v", c.err, p)
		}
	}
}

// slow are jobs whose items end after some looks.
type slow struct {
	looks    int
	after    int
	outcomes []*provisioningv1.Outcome
}

func (s *slow) CreateJob(_ context.Context, o job.Order) (*provisioningv1.Job, error) {
	if o.Actor != actor || o.Tenant != "acme" || o.RequestID == "" {
		return nil, errors.New("not as it should be")
	}
	return &provisioningv1.Job{Id: "j-1"}, nil
}

func (s *slow) ListOutcomes(_ context.Context, _, _ string, _ provisioningv1.ItemOutcome, after uint32, n int) (flow.Outcomes, bool, error) {
	s.looks++
	all := make([]*provisioningv1.Outcome, len(s.outcomes))
	for i := range all {
		all[i] = &provisioningv1.Outcome{Outcome: provisioningv1.ItemOutcome_ITEM_OUTCOME_PENDING}
		if s.looks > s.after {
			all[i] = s.outcomes[i]
		}
	}
	all = all[after:]
	return flow.Outcomes{Items: all[:min(n, len(all))]}, true, nil
}

func TestARequestWaitsForItsItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		items := make([]*provisioningv1.Item, 4)
		jobs := &slow{after: 5, outcomes: []*provisioningv1.Outcome{
			{Outcome: provisioningv1.ItemOutcome_ITEM_OUTCOME_APPLIED},
			{Outcome: provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED, Reason: "no"},
			{Outcome: provisioningv1.ItemOutcome_ITEM_OUTCOME_PENDING, BegunAt: timestamppb.Now()},
			{Outcome: provisioningv1.ItemOutcome_ITEM_OUTCOME_CANCELLED},
		}}
		failures, err := NewRuns(jobs).Run(t.Context(), "acme", items)
		if err != nil || strings.Join(failures, "|") != "|no||its job was cancelled" {
			t.Errorf("%q %v", failures, err)
		}
		began := time.Now()
		_, err = NewRuns(&slow{after: 1 << 20, outcomes: jobs.outcomes}).Run(t.Context(), "acme", items)
		if p := problemOf(err); p.status != http.StatusServiceUnavailable || time.Since(began) != patience {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}
