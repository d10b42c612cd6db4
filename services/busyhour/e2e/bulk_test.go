//go:build stack

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

func csvOf(lines int, bad int) string {
	var b strings.Builder
	b.WriteString("id,name,skills,queues,capacity,address\n")
	for line := 2; line <= lines+1; line++ {
		if line == bad {
			fmt.Fprintf(&b, "agent-%05d,Agent %d,english:eighty,%s,voice=1,\n", line, line, queue)
			continue
		}
		fmt.Fprintf(&b, "agent-%05d,Agent %d,english:80,%s,voice=1,%d\n", line, line, queue, line)
	}
	return b.String()
}

func (s *stage) imports(csv, request string) *provisioningv1.ImportAgentsResponse {
	s.t.Helper()
	r, err := s.clients.Jobs[0].ImportAgents(s.ctx, connect.NewRequest(&provisioningv1.ImportAgentsRequest{
		Tenant: s.tenant, RequestId: request, Csv: []byte(csv), Actor: "e2e",
	}))
	if err != nil {
		s.t.Fatal(err)
	}
	return r.Msg
}

func (s *stage) job(id string) *provisioningv1.Job {
	s.t.Helper()
	r, err := s.clients.Jobs[1].GetJob(s.ctx, connect.NewRequest(&provisioningv1.GetJobRequest{Tenant: s.tenant, Id: id}))
	if err != nil {
		s.t.Fatal(err)
	}
	return r.Msg.Job
}

func (s *stage) knows(agent string) bool {
	s.t.Helper()
	_, err := s.clients.Directory[1].GetAgent(s.ctx, connect.NewRequest(&provisioningv1.GetAgentRequest{Tenant: s.tenant, Id: agent}))
	if err != nil && connect.CodeOf(err) != connect.CodeNotFound {
		s.t.Fatal(err)
	}
	return err == nil
}

func TestAnImportBringsAgentsIntoService(t *testing.T) {
	s := set(t, within(t, 2*time.Minute), "bulk", nil)
	const lines = 500

	r := s.imports(csvOf(lines, 0), "import-1")
	if len(r.Errors) > 0 || r.Lines != lines || r.Job == nil {
		t.Fatalf("a good file: %v", r)
	}
	if twice := s.imports(csvOf(lines, 0), "import-1"); twice.Job.GetId() != r.Job.Id {
		t.Errorf("the same request made job %s, then %s", r.Job.Id, twice.Job.GetId())
	}
	poll(s.ctx, t, func() error {
		if j := s.job(r.Job.Id); j.Applied != lines {
			return fmt.Errorf("job %s: %d of %d applied, %d failed, %d pending", j.Id, j.Applied, j.Total, j.Failed, j.Pending)
		}
		return nil
	})
	// An agent who came by the file takes a call like any other.
	agent := s.desk("agent-00321").available()
	sw := s.dial("sw-1")
	c := s.call(sw)
	s.offered(c).accept(c)
	agent.shows(c.Contact, connected)
	c.HangUp()
	agent.shows(c.Contact, wrapUp)
	agent.act(c.Contact, complete)
	s.ends(sw, c, completed, "queued", "offered", "offer_accepted", "connected", "ended", "completed")
}

func TestABrokenLine7000IsNamedAndNoneIsTaken(t *testing.T) {
	s := set(t, within(t, time.Minute), "bulk", nil)
	r := s.imports(csvOf(7_100, 7_000), "import-broken")
	if r.Job != nil || r.ErrorCount != 1 || r.Lines != 7_100 {
		t.Fatalf("a file with a broken line: job %v, %d errors, %d lines", r.Job, r.ErrorCount, r.Lines)
	}
	if e := r.Errors[0]; e.Line != 7_000 || e.Column != "skills" {
		t.Errorf("the error does not name line 7000, column skills: %v", e)
	}
	if s.knows("agent-06999") {
		t.Error("a good line of a bad file was taken")
	}
}

// poll asks until it is as it should be; where something tells of it, wait for that instead.
func poll(ctx context.Context, t *testing.T, is func() error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := is()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}
