package bulk

import (
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/scimstub"
)

// Phase is how the downstream is until a share of the job has ended.
type Phase struct {
	Name string `json:"name"`
	// Until so much of the job has ended, of 1.
	Until     float64            `json:"until"`
	Behaviour scimstub.Behaviour `json:"behaviour"`
}

// phases in their order.
func (c *Config) phases() []Phase {
	well := scimstub.Behaviour{Latency: scimstub.Duration(c.Latency)}
	slow := scimstub.Behaviour{Latency: scimstub.Duration(c.SlowLatency)}
	failing := scimstub.Behaviour{
		Latency: scimstub.Duration(c.Latency), Errors: 0.1, Throttles: 0.02, RetryAfter: scimstub.Duration(time.Second),
		Resets: 0.05, Losses: 0.03, Malformed: 0.05,
	}
	return []Phase{{"fast", c.FastUntil, well}, {"slow", c.SlowUntil, slow}, {"failing", c.FailingUntil, failing}, {"healthy", 1, well}}
}

// shares of the job, by phase.
func shares(all []Phase) []float64 {
	by, from := make([]float64, len(all)), 0.0
	for i, p := range all {
		by[i], from = p.Until-from, p.Until
	}
	return by
}
