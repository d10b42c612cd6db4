package scim

import (
	"net/http/httptest"
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

// One installation is the downstream of another: what our own client says, our server understands, down to what is left out.
func TestOurOwnClientIsUnderstood(t *testing.T) {
	s := newSite(t, Config{Token: "hush"})
	s.bea()
	server := httptest.NewServer(s.mux)
	defer server.Close()
	var cfg struct {
		Downstream connector.Config `key:"downstream"`
	}
	if err := config.Load("test", &cfg, []string{
		"--downstream.kind=scim", "--downstream.url=" + server.URL + "/scim/v2/{tenant}", "--downstream.private=true",
		"--downstream.attempts=1", "--downstream.timeout=10s", "--downstream.token=hush",
	}); err != nil {
		t.Fatal(err)
	}
	c := connector.New(cfg.Downstream, zap.NewNop(), prometheus.NewRegistry())
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
