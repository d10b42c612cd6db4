package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
)

// grace is how long after its end a fault still explains what is seen: pods notice, recover and are sampled.
const grace = 20 * time.Second

// alarm is a counter that stands still unless a fault explains it.
type alarm struct {
	metric string
	// explained by faults whose kind begins with one of these; "": by any.
	explained []string
}

var alarmed = []alarm{
	{"busyhour_divergences_total", []string{"tamper"}},
	{"busyhour_commit_sequence_alarms_total", []string{"redis", "tamper", "split"}},
	{"busyhour_void_events_total", []string{""}},
	{"busyhour_recoveries_failed_total", []string{""}},
	{"busyhour_gaps_total", []string{""}},
	{"busyhour_routing_dead_letters_total", nil},
	{"busyhour_provisioning_dead_letters_total", nil},
}

// Metrics are those that the checks and figures look at; a history needs no others.
func Metrics() (names []string) {
	for _, a := range alarmed {
		names = append(names, a.metric)
	}
	return append(names, overdue)
}

// alarms looks at every rise of such a counter between two samples of a process.
func alarms(b *book, r *Result) {
	last := map[string]history.At[history.Metric]{}
	for _, m := range b.Metrics {
		i := slices.IndexFunc(alarmed, func(a alarm) bool { return a.metric == m.It.Name })
		if i < 0 {
			continue
		}
		r.Judged++
		key := series(&m.It)
		before, known := last[key]
		last[key] = m
		rise := m.It.Value - before.It.Value
		if rise < 0 { // the process began anew
			rise = m.It.Value
		}
		if rise > 0 && !b.explained(alarmed[i], before.At, m.At) {
			since := "the beginning"
			if known {
				since = before.At.String()
			}
			r.find("", m.It.Process, "%s rose by %g between %s and %s, and no fault explains it", key, rise, since, m.At)
		}
	}
}

func series(m *history.Metric) string {
	var labels []string
	for _, k := range slices.Sorted(maps.Keys(m.Labels)) {
		labels = append(labels, fmt.Sprintf("%s=%q", k, m.Labels[k]))
	}
	return m.Process + " " + m.Name + "{" + strings.Join(labels, ",") + "}"
}

// explained says whether a fault that explains the alarm was on, or had ended shortly before, between these moments.
func (b *book) explained(a alarm, from, to time.Duration) bool {
	return slices.ContainsFunc(b.faults, func(f fault) bool {
		return f.begun <= to && f.ended+grace >= from &&
			slices.ContainsFunc(a.explained, func(kind string) bool { return strings.HasPrefix(f.kind, kind) })
	})
}

// fault from its beginning to its end.
type fault struct {
	id, kind     string
	begun, ended time.Duration
}

// faultsOf a history; one without an end lasted to the end.
func faultsOf(h *history.History) (all []fault) {
	for _, f := range h.Faults {
		i := slices.IndexFunc(all, func(known fault) bool { return known.id == f.It.ID })
		switch {
		case i < 0:
			all = append(all, fault{f.It.ID, f.It.Kind, f.At, h.End})
		case f.It.Did == history.Ended:
			all[i].ended = f.At
		}
	}
	return all
}

// calm is how much of a span lay outside all faults, each with the time that its repair may take.
func (b *book) calm(from, until, repair time.Duration) (calm time.Duration) {
	faults := slices.SortedFunc(slices.Values(b.faults), func(x, y fault) int { return cmp.Compare(x.begun, y.begun) })
	for _, f := range faults {
		if f.ended+repair <= from {
			continue
		}
		if f.begun >= until {
			break
		}
		calm += max(0, f.begun-from)
		from = f.ended + repair
	}
	return calm + max(0, until-from)
}
