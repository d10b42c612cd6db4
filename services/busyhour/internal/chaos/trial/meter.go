package trial

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// metered are the metrics that a history keeps.
var metered = map[string]bool{
	"busyhour_gate_open": true, "busyhour_gate_epoch": true, "busyhour_outbox_open_records": true, "busyhour_outbox_age_seconds": true,
	"busyhour_oldest_overdue_seconds": true,
	"busyhour_divergences_total":      true, "busyhour_commit_sequence_alarms_total": true, "busyhour_void_events_total": true,
	"busyhour_recoveries_failed_total": true, "busyhour_recovery_held": true, "busyhour_routing_dead_letters_total": true, "busyhour_provisioning_dead_letters_total": true,
}

const (
	sampling   = 250 * time.Millisecond
	sampleTime = time.Second // for an answer; a pod that is stopped gives none
)

// meter samples every pod. A series that stands still is written down at both ends of its standing.
type meter struct {
	to *history.Recorder

	mu   sync.Mutex
	last map[string]history.Record // by series: the latest sample
	kept map[string]history.Moment // by series: the latest that was written
}

func newMeter(to *history.Recorder) *meter {
	return &meter{to: to, last: map[string]history.Record{}, kept: map[string]history.Moment{}}
}

// run samples until ctx ends, every pod by itself, so that a slow one holds up nobody.
func (m *meter) run(ctx context.Context, pods []*fleet.Process) {
	var each sync.WaitGroup
	for _, p := range pods {
		each.Go(func() {
			for simulate.Wait(ctx, sampling) == nil {
				m.sample(ctx, p)
			}
		})
	}
	each.Wait()
}

func (m *meter) sample(ctx context.Context, p *fleet.Process) {
	ctx, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	all, err := p.Samples(ctx, metered)
	if err != nil {
		return
	}
	at := m.to.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range all {
		key := fmt.Sprint(p.Name, s.Name, s.Labels)
		m.take(key, history.Record{At: at, Metric: &history.Metric{Process: p.Name, Name: s.Name, Labels: s.Labels, Value: s.Value}})
	}
}

func (m *meter) take(key string, r history.Record) {
	before, known := m.last[key]
	m.last[key] = r
	if known && before.Metric.Value == r.Metric.Value {
		return
	}
	if known && m.kept[key] < before.At {
		m.to.Record(before)
	}
	m.kept[key] = r.At
	m.to.Record(r)
}

// unsettled names what is not as it should be when nothing is broken: gates that are closed, events that wait for Kafka.
func (m *meter) unsettled() (names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.last {
		s := r.Metric
		if s.Name == "busyhour_gate_open" && s.Value != 1 || s.Name == "busyhour_outbox_open_records" && s.Value != 0 {
			names = append(names, fmt.Sprintf("%s of %s at %s is %g", s.Name, s.Labels["tenant"], s.Process, s.Value))
		}
	}
	return names
}
