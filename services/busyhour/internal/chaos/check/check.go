package check

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// Finding is one thing that must not be.
type Finding struct {
	Check  string `json:"check"`
	Tenant string `json:"tenant,omitempty"`
	// Record that it is about, for instance "contact:c-1", "agent:ann" or "screen:s-1".
	Record string `json:"record,omitempty"`
	Text   string `json:"text"`
}

func (f Finding) String() string {
	return fmt.Sprintf("%s: %s %s %s", f.Check, f.Tenant, f.Record, f.Text)
}

// Result is what one check found.
type Result struct {
	Name string `json:"check"`
	// Says what must hold.
	Says string `json:"says"`
	// Judged counts what was looked at, and Open what could not be told. A check that has judged nothing has proven nothing.
	Judged   int       `json:"judged"`
	Open     int       `json:"open,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
}

func (r *Result) find(tenant, record, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{r.Name, tenant, record, fmt.Sprintf(format, args...)})
}

// Report is what all checks found.
type Report struct {
	Results []Result `json:"checks"`
	Figures Figures  `json:"figures"`
}

// Findings of all checks.
func (r *Report) Findings() (all []Finding) {
	for _, one := range r.Results {
		all = append(all, one.Findings...)
	}
	return all
}

var checks = []struct {
	name, says string
	run        func(*book, *Result)
}{
	{"readable", "every event, record and marker can be read", readable},
	{"acknowledged", "every acknowledged signal stands in an event that counts", acknowledged},
	{"one-content", "a revision is used once, with one content", oneContent},
	{"order", "events of a record first appear in the order of their revisions", order},
	{"unbroken", "the events that count make an unbroken chain of revisions", unbroken},
	{"epochs", "an epoch is taken once", epochs},
	{"stored", "Redis is not behind the log, nor ahead of it without an open outbox, nor different from it", stored},
	{"capacity", "nobody holds more contacts or offers on a channel than they can", capacity},
	{"screens", "a screen goes forward, and no contact is on the screens of two agents", screens},
	{"one-place", "a contact stands in the indexes and the workload that its state names, and nowhere else", onePlace},
	{"final-state", "after quiet every contact has ended", finalState},
	{"contacts", "each contact's history is linearizable", contactsLinearizable},
	{"agents", "each agent's reservations are linearizable", agentsLinearizable},
	{"alarms", "no alarm without a fault that explains it", alarms},
}

// All runs every check.
func All(h *history.History) *Report {
	b := newBook(h)
	report := &Report{Figures: b.figures()}
	for _, c := range checks {
		r := Result{Name: c.name, Says: c.says}
		c.run(b, &r)
		slices.SortStableFunc(r.Findings, func(x, y Finding) int {
			return cmp.Or(cmp.Compare(x.Tenant, y.Tenant), cmp.Compare(x.Record, y.Record))
		})
		report.Results = append(report.Results, r)
	}
	return report
}
