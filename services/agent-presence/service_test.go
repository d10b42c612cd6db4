package presence_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/presence/v1/presencev1connect"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/routing/v1/routingv1connect"
)

func (p *pod) client() presencev1connect.PresenceServiceClient {
	return presencev1connect.NewPresenceServiceClient(p.http, p.url)
}

func setting(agent string, status presencev1.Status, reason, request string) *connect.Request[presencev1.SetRequest] {
	return connect.NewRequest(&presencev1.SetRequest{Tenant: tenant, AgentId: agent, Status: status, Reason: reason, RequestId: request})
}

// reasonOf is the reason of the refusal in an error.
func reasonOf(err error) string {
	var e *connect.Error
	if errors.As(err, &e) {
		for _, d := range e.Details() {
			if m, _ := d.Value(); m != nil {
				if no, ok := m.(*commonv1.Refusal); ok {
					return no.Reason
				}
			}
		}
	}
	return ""
}

func TestSetAndGet(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	s.deactivate("dan", false)
	p := s.startPod("pod-a", quick())
	client := p.client()
	for name, c := range map[string]struct {
		req    *connect.Request[presencev1.SetRequest]
		code   connect.Code
		reason string
	}{
		"nobody":          {setting("nobody", onBreak, "lunch", ""), connect.CodeNotFound, "AGENT_UNKNOWN"},
		"deactivated":     {setting("dan", available, "", ""), connect.CodeFailedPrecondition, "AGENT_DEACTIVATED"},
		"no screen":       {setting("ann", available, "", ""), connect.CodeFailedPrecondition, "NO_SCREEN"},
		"no reason":       {setting("ann", onBreak, "", ""), connect.CodeInvalidArgument, "REASON_REQUIRED"},
		"no status":       {setting("ann", 0, "", ""), connect.CodeInvalidArgument, ""},
		"long id":         {setting(strings.Repeat("a", 10_000), onBreak, "x", ""), connect.CodeInvalidArgument, ""},
		"another tenant":  {connect.NewRequest(&presencev1.SetRequest{Tenant: "other", AgentId: "ann", Status: offline}), connect.CodeNotFound, "TENANT_UNKNOWN"},
		"no tenant":       {connect.NewRequest(&presencev1.SetRequest{AgentId: "ann", Status: offline}), connect.CodeInvalidArgument, ""},
		"unknown status":  {setting("ann", 77, "", ""), connect.CodeInvalidArgument, ""},
		"too long reason": {setting("ann", onBreak, strings.Repeat("r", 500), ""), connect.CodeInvalidArgument, ""},
	} {
		_, err := client.Set(t.Context(), c.req)
		if connect.CodeOf(err) != c.code || reasonOf(err) != c.reason {
			t.Errorf("%s: %v, want %s %s", name, err, c.code, c.reason)
		}
	}

	before, err := client.Get(t.Context(), connect.NewRequest(&presencev1.GetRequest{Tenant: tenant, AgentId: "ann"}))
	if err != nil || before.Msg.Presence.Status != offline || before.Msg.Revision != nil || !before.Msg.Verified {
		t.Fatalf("before: %v, %v", before, err)
	}
	if _, err := client.Get(t.Context(), connect.NewRequest(&presencev1.GetRequest{Tenant: tenant, AgentId: "nobody"})); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("get nobody: %v", err)
	}

	desk := p.logIn(t, "ann", "")
	first, err := client.Set(t.Context(), setting("ann", onBreak, "lunch", "r-1"))
	if err != nil {
		t.Fatal(err)
	}
	desk.await("BREAK", desk.shows(onBreak, connected))
	if _, err := client.Set(t.Context(), setting("ann", available, "", "r-2")); err != nil {
		t.Fatal(err)
	}
	repeat, err := client.Set(t.Context(), setting("ann", onBreak, "lunch", "r-1"))
	if err != nil || repeat.Msg.Presence.Status != available || repeat.Msg.Revision.N != first.Msg.Revision.N+1 {
		t.Errorf("a repeat behind a later change: %v, %v", repeat, err)
	}
	desk.await("AVAILABLE", desk.shows(available, connected))
}

func TestWatchBeginsWithWhatIsAndTellsWhatChanges(t *testing.T) {
	s := newStage(t)
	s.hire("ann", "bob", "cid")
	p := s.startPod("pod-a", quick())
	ann := p.logIn(t, "ann", "")
	for name, agents := range map[string][]string{"all": nil, "two": {"ann", "bob"}, "one": {"ann"}} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			stream, err := p.client().Watch(ctx, connect.NewRequest(&presencev1.WatchRequest{Tenant: tenant, AgentIds: agents}))
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			seen := map[string]*presencev1.Presence{}
			await := func(what string, holds func() bool) {
				t.Helper()
				for !holds() {
					if !stream.Receive() {
						t.Fatalf("no %s, %v: %v", what, seen, stream.Err())
					}
					seen[stream.Msg().Presence.AgentId] = stream.Msg().Presence
				}
			}
			await("ann", func() bool { return seen["ann"].GetConnection() == connected })
			ann.set(onBreak, name)
			await("ann's break", func() bool { return seen["ann"].GetReason() == name })
			if name == "one" {
				return
			}
			bob := p.logIn(t, "bob", "")
			await("bob", func() bool { return seen["bob"].GetConnection() == connected })
			bob.send(&presencev1.ClientFrame{Frame: &presencev1.ClientFrame_LogOut{LogOut: &presencev1.LogOut{}}})
			await("bob's leaving", func() bool { return seen["bob"].GetConnection() == none })
			if seen["cid"] != nil {
				t.Error("told of cid, who is not there or not asked for")
			}
		})
	}
}

// Redis is lost while somebody watches: everybody goes into grace, without a push, and comes back.
func TestAWatcherHearsOfANewEpoch(t *testing.T) {
	s := newStage(t)
	s.hire("ann", "bob")
	p := s.startPod("pod-a", quick())
	p.logIn(t, "ann", "")
	bob := p.logIn(t, "bob", "")
	bob.conn.CloseNow()
	s.awaitPresence("bob", func(p *presencev1.Presence) bool { return p.Connection == grace })
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	stream, err := p.client().Watch(ctx, connect.NewRequest(&presencev1.WatchRequest{Tenant: tenant}))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	flushed, seen := false, map[string]uint32{}
	for seen["ann"] < 2 || seen["bob"] < 2 {
		if !stream.Receive() {
			t.Fatalf("seen %v: %v", seen, stream.Err())
		}
		seen[stream.Msg().Presence.AgentId]++
		if len(seen) == 2 && !flushed {
			flushed = true
			s.redis.Flush()
		}
	}
}

func TestThePageHasOneOrigin(t *testing.T) {
	s := newStage(t)
	_, url := s.startRouter(nil)
	cfg := quick()
	cfg.Page.Proxy = true
	cfg.Routing.URLs = []string{s.nobody(), url}
	cfg.Provisioning.URLs = []string{s.nobody()}
	p := s.startPod("pod-a", cfg)

	routing := routingv1connect.NewRoutingServiceClient(p.http, p.url)
	res, err := routing.GetWorkload(t.Context(), connect.NewRequest(&routingv1.GetWorkloadRequest{Tenant: tenant, AgentId: "ann"}))
	if err != nil || res.Msg.Workload.AgentId != "ann" {
		t.Errorf("call-routing through the page's origin: %v, %v", res, err)
	}
	gone, err := p.http.Post(p.url+"/busyhour.provisioning.v1.DirectoryService/ListAgents", "application/json", strings.NewReader(`{"tenant":"demo"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Body.Close()
	text, _ := io.ReadAll(gone.Body)
	if gone.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(text), "provisioning does not answer") {
		t.Errorf("%d %s", gone.StatusCode, text)
	}
	page, err := p.http.Get(p.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	if page.StatusCode != http.StatusOK && page.StatusCode != http.StatusNotFound {
		t.Errorf("the page: %d", page.StatusCode)
	}
}
