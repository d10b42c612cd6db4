package simulate

import (
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// Watch is told of everything that goes in and out of a load, for whoever keeps a history. Its functions may be nil; they
// are called by many at once and must return fast.
type Watch struct {
	// Sent, Acked and Refused are a stream's; see StreamConfig.
	Sent, Acked func(Sent)
	Refused     func(Sent, *routingv1.SignalRefused)
	// Shown is called when a screen may show something else than before, by the screen's own goroutine.
	Shown func(Shown)
	// Asked is called when a screen's command was answered, or when no answer will come.
	Asked func(Asked)
}

// Shown is what a screen shows.
type Shown struct {
	Agent     string
	Connected bool
	View      View
}

// Asked is a command of a screen and its answer.
type Asked struct {
	Agent, Contact, Verb string
	Status               presencev1.Status
	Called               time.Time
	// Err is nil if it was done, a *Refusal, or why there was no answer.
	Err error
}

func (w *Watch) shown(agent string, connected bool, v View) {
	if w.Shown != nil {
		w.Shown(Shown{agent, connected, v})
	}
}

func (w *Watch) asked(a Asked) {
	if w.Asked != nil {
		w.Asked(a)
	}
}
