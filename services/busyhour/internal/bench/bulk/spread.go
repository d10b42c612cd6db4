package bulk

import "slices"

// Spread sums up what was sampled.
type Spread struct {
	Samples int     `json:"samples"`
	P50     float64 `json:"p50"`
	P99     float64 `json:"p99"`
	Max     float64 `json:"max"`
}

func spreadOf(samples []float64) Spread {
	if len(samples) == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(samples))
	at := func(q float64) float64 { return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)] }
	return Spread{Samples: len(sorted), P50: at(0.5), P99: at(0.99), Max: sorted[len(sorted)-1]}
}
