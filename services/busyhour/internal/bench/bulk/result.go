package bulk

import (
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/bench"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// Result of a measurement.
type Result struct {
	At      time.Time     `json:"at"`
	Machine bench.Machine `json:"machine"`
	Copies  int           `json:"processes_of_each_service"`
	Agents  int           `json:"agents"`
	// Places that bulk changes have in the downstream, of all pods; Concurrency is a pod's, and TimeoutS its patience.
	Places      int     `json:"places"`
	Concurrency int     `json:"downstream_concurrency"`
	TimeoutS    float64 `json:"downstream_timeout_s"`
	Rate        float64 `json:"downstream_rate"`
	Phases      []Phase `json:"phases"`
	// AcceptedS is when the job was durable, AllInS when all its items waited for a worker or had ended, EndedS when all had.
	AcceptedS float64   `json:"accepted_s"`
	AllInS    float64   `json:"all_in_s"`
	EndedS    float64   `json:"ended_s"`
	Stretches []Stretch `json:"stretches"`
	Lag       Lag       `json:"lag"`
	Urgent    []Urgent  `json:"urgent"`
	// Failed items of the job and of the urgent ones; Retries are the jobs that asked for them again.
	Failed   int       `json:"failed"`
	Retries  []Retry   `json:"retries"`
	Calls    *Calls    `json:"calls,omitempty"`
	Checks   []*Check  `json:"checks"`
	Blocking *Blocking `json:"blocking,omitempty"`
}

// Calls before and while the job ran.
type Calls struct {
	Before *simulate.Report `json:"before"`
	During *simulate.Report `json:"during"`
	// P50 and P99 of signal → card are so many times those before.
	P50 float64 `json:"ratio_p50"`
	P99 float64 `json:"ratio_p99"`
}

// Retry is one job of failed items.
type Retry struct {
	Of     string `json:"of"`
	Items  int    `json:"items"`
	Failed int    `json:"failed"`
}

// Found counts the findings.
func (r *Result) Found() (n int) {
	for _, c := range r.Checks {
		n += c.Found
	}
	return n
}
