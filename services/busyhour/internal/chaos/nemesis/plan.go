// Package nemesis breaks things: a schedule of faults that follows from a seed, and the hands that do them on a stage.
package nemesis

import (
	"math/rand/v2"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/stage"
)

// Fault is one thing that will be broken, and mended after a while.
type Fault struct {
	// At is when, since the first call; For how long.
	At  time.Duration `json:"at"`
	For time.Duration `json:"for"`
	// Kind says what.
	Kind string `json:"kind"`
	// Pod whose life it makes hard, or Service; Server at the other end of a link, "redis" for all of them.
	Pod     string `json:"pod,omitempty"`
	Service string `json:"service,omitempty"`
	Server  string `json:"server,omitempty"`
	// Tenant whose Redis it is about.
	Tenant string `json:"tenant,omitempty"`
	// By is a delay or a skew; Share a part of a file.
	By    time.Duration `json:"by,omitempty"`
	Share float64       `json:"share,omitempty"`
}

// Setting is what a schedule needs to know of the stage.
type Setting struct {
	Layout   stage.Layout
	Services []string
	Pods     []string
	Tenants  []string
	// Only these kinds, if there are any.
	Only []string
	// Clocks can be skewed: there is a build for it.
	Clocks bool
}

const (
	calm    = 3 * time.Second // before the first fault
	quiet   = 2 * time.Second // between two, at least
	overlap = 0.2             // share of faults that begin while another realm is still broken
)

// Plan is the schedule of a seed: the same seed and setting, the same faults. Kinds come in shuffled decks, so that a
// long run has all of them and a short one no kind twice.
func Plan(seed uint64, span time.Duration, setting Setting) (faults []Fault) {
	random := rand.New(rand.NewPCG(seed, 0x6e656d65736973))
	at := calm
	free := map[realm]time.Duration{}
	for {
		for _, k := range deck(random, setting) {
			f := k.draw(random, setting)
			f.Kind = k.name
			f.At = at
			if n := len(faults); n > 0 && random.Float64() < overlap {
				before := faults[n-1]
				f.At = max(free[k.realm], before.At+time.Duration(random.Float64()*float64(before.For)))
			}
			if f.At+f.For > span {
				return faults
			}
			faults = append(faults, f)
			at = max(at, f.At+f.For+quiet+time.Duration(random.Int64N(int64(quiet))))
			free[k.realm] = f.At + f.For + quiet
		}
	}
}

func deck(random *rand.Rand, setting Setting) (all []kind) {
	for _, k := range kinds {
		if k.fits(setting) {
			all = append(all, k)
		}
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// Kinds that a setting allows.
func Kinds(setting Setting) (names []string) {
	for _, k := range kinds {
		if k.fits(setting) {
			names = append(names, k.name)
		}
	}
	return names
}

// Says what a kind does, in words.
func Says(kind string) string { return named(kind).says }
