package saga

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	keys "github.com/busyhour/busyhour/pkg/config"
)

func load(args ...string) (c Config, err error) {
	return c, keys.Load("provisioning", &c, args)
}

func TestDownstreamsByTheirNames(t *testing.T) {
	c, err := load(
		"--downstream.url=https://pbx.example/{id}", "--downstream.name=telephony", "--downstream.compensate",
		"--downstream2.url=https://crm.example/{id}",
	)
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	chain := New(c, zap.NewNop(), reg)
	if len(chain) != 2 || chain[0].Name != "telephony" || chain[1].Name != "downstream2" || !chain[0].Compensate || chain[1].Compensate || !chain.Compensates() {
		t.Errorf("made %+v", chain)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, f := range families {
		if f.GetName() == "busyhour_downstream_breaker_state" {
			for _, m := range f.GetMetric() {
				named = append(named, m.GetLabel()[0].GetName()+"="+m.GetLabel()[0].GetValue())
			}
		}
	}
	if got := strings.Join(named, " "); got != "downstream=downstream2 downstream=telephony" {
		t.Errorf("breakers of %q", got)
	}
	if c, err := load(); err != nil || len(New(c, zap.NewNop(), reg)) != 0 {
		t.Errorf("without any: %v", err)
	}
}

func TestConfigSaysWhatIsWrongWithTheChain(t *testing.T) {
	_, err := load("--downstream2.url=https://crm.example/{id}", "--downstream2.name=crm", "--downstream3.url=https://wfm.example/{id}", "--downstream3.name=crm")
	for _, want := range []string{
		"downstream.url: it is empty, and downstream2.url is not; the downstreams follow one another without a gap",
		`downstream3.name: "crm" is the name of downstream2, too; give each its own`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
