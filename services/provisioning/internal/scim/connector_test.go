package scim

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/config"
	"github.com/busyhour/busyhour/services/provisioning/internal/connector"
)

// ourClient is a connector to a server of ours.
func ourClient(t *testing.T, h http.Handler, more ...string) *connector.Connector {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	var cfg struct {
		Downstream connector.Config `key:"downstream"`
	}
	if err := config.Load("test", &cfg, append([]string{
		"--downstream.kind=scim", "--downstream.url=" + server.URL + "/scim/v2/{tenant}", "--downstream.private=true",
		"--downstream.attempts=1", "--downstream.timeout=10s", "--downstream.token=hush",
	}, more...)); err != nil {
		t.Fatal(err)
	}
	return connector.New(cfg.Downstream, zap.NewNop(), prometheus.NewRegistry())
}

// One installation is the downstream of another: what our own client says, our server understands, down to what is left out.
func TestOurOwnClientIsUnderstood(t *testing.T) {
	s := newSite(t, Config{Token: "hush"})
	s.bea()
	c := ourClient(t, s.mux)
	send := func(a *provisioningv1.Agent, deleted bool) {
		t.Helper()
		answer, err := c.Send(t.Context(), connector.Change{Tenant: "acme", Agent: a, Deleted: deleted, Key: time.Now().String()})
		if err != nil || answer.Refused != "" {
			t.Fatalf("%v %v", answer, err)
		}
	}
	capacity := []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_CHAT, Contacts: 2}}
	full := &provisioningv1.Agent{
		Id: "dan", Name: "Dan <&> Ö", Address: "7", QueueIds: []string{"sales"}, Capacity: capacity,
		Skills: []*commonv1.Skill{{Name: "english", Level: 80}, {Name: "go", Level: 0}},
	}
	for _, a := range []*provisioningv1.Agent{full, full, {Id: "dan", Name: "Dan", Capacity: capacity}, full, {Id: "bea", Name: "Bea", Capacity: capacity}} {
		if a.GetId() == "bea" { // she is known by another externalId here: she has to be taken over by hand
			answer, err := c.Send(t.Context(), connector.Change{Tenant: "acme", Agent: a, Key: "x"})
			if err != nil || answer.Refused == "" {
				t.Errorf("somebody else's user: %v %v", answer, err)
			}
			continue
		}
		send(a, false)
		want := proto.CloneOf(a)
		want.ExternalId = "acme/dan"
		if got := s.agent("dan"); !proto.Equal(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	}
	if got := s.did(); got != "CREATE_AGENT UPDATE_AGENT UPDATE_AGENT" {
		t.Errorf("items %s", got)
	}
	send(full, true)
	send(full, true)
	if s.agent("dan") != nil {
		t.Error("dan is still there")
	}
}

func TestOurOwnClientIsUnderstoodInBulk(t *testing.T) {
	s := newSite(t, Config{Token: "hush"})
	var bundles, singles atomic.Int64
	c := ourClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/Bulk"):
			bundles.Add(1)
		case r.Method != http.MethodGet:
			singles.Add(1)
		}
		s.mux.ServeHTTP(w, r)
	}), "--downstream.bulk=true", "--downstream.concurrency=64")
	for _, change := range []connector.Change{{}, {Agent: &provisioningv1.Agent{Name: "Renamed"}}, {Deleted: true}} {
		var all sync.WaitGroup
		for i := range 40 {
			one := change
			one.Tenant, one.Agent = "acme", &provisioningv1.Agent{Id: fmt.Sprint("a", i), Name: "Agent " + change.Agent.GetName()}
			all.Go(func() {
				if a, err := c.Send(t.Context(), one); err != nil || a.Refused != "" {
					t.Errorf("%s: %v %v", one.Agent.Id, a, err)
				}
			})
		}
		all.Wait()
		for i := range 40 {
			got := s.agent(fmt.Sprint("a", i))
			if change.Deleted != (got == nil) || got != nil && got.Name != "Agent "+change.Agent.GetName() {
				t.Errorf("agent a%d is %v after %v", i, got, change.Agent)
			}
		}
	}
	if bundles.Load() == 0 || bundles.Load()+singles.Load() > 60 {
		t.Errorf("%d bulk requests and %d single writes for 120 changes", bundles.Load(), singles.Load())
	}
}
