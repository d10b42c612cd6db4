package check

import (
	"slices"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// Figures of a run; reported, not judged.
type Figures struct {
	Faults       map[string]int `json:"faults"` // by kind
	Signals      int            `json:"signals"`
	Acknowledged int            `json:"acknowledged"`
	Commands     int            `json:"commands"`
	Views        int            `json:"views"`
	Events       int            `json:"events"`
	Void         int            `json:"void_events"`
	Contacts     int            `json:"contacts"`
	Epochs       int            `json:"epochs"`
	// Gaps are events that say that decisions were lost with Redis while Kafka was away.
	Gaps int `json:"gaps"`
	// OldestOverdue is the longest that a contact was seen past its deadline, in seconds: while nothing was broken, and ever.
	OldestOverdue     float64 `json:"oldest_overdue_s"`
	OldestOverdueEver float64 `json:"oldest_overdue_ever_s"`
}

const overdue = "busyhour_oldest_overdue_seconds"

func (b *book) figures() Figures {
	f := Figures{Faults: map[string]int{}, Commands: len(b.Commands), Views: len(b.Views)}
	for _, one := range b.faults {
		f.Faults[one.kind]++
	}
	for _, one := range b.fates() {
		f.Signals++
		if one.acked > 0 {
			f.Acknowledged++
		}
	}
	for _, rec := range b.records {
		f.Events += len(rec.all)
		for _, e := range rec.all {
			if e.void {
				f.Void++
			}
		}
	}
	for _, e := range b.Events {
		if e.It.Gap {
			f.Gaps++
		}
	}
	f.Contacts = len(b.contacts())
	for _, epochs := range b.reigns {
		f.Epochs += len(epochs)
	}
	for _, m := range b.Metrics {
		if m.It.Name != overdue {
			continue
		}
		f.OldestOverdueEver = max(f.OldestOverdueEver, m.It.Value)
		if !underFault(b.faults, m) {
			f.OldestOverdue = max(f.OldestOverdue, m.It.Value)
		}
	}
	return f
}

func underFault(faults []fault, m history.At[history.Metric]) bool {
	return slices.ContainsFunc(faults, func(f fault) bool { return f.begun <= m.At && m.At <= f.ended+afterRepair })
}

// afterRepair is how long a repaired system has to catch up.
const afterRepair = 2 * time.Second
