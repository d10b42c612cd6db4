package bench

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

// meter reads processor time and conflicts at the beginning and at the end, and keeps the difference.
type meter struct {
	fleet     *fleet.Fleet
	pids      map[string][]int // what is measured → its processes
	cpu       map[string]float64
	conflicts map[string]map[string]float64
	failed    []error
}

func newMeter(f *fleet.Fleet, stack string) *meter {
	m := &meter{fleet: f, pids: map[string][]int{"simulator": {os.Getpid()}}}
	for _, p := range f.All() {
		m.pids[p.Service] = append(m.pids[p.Service], p.PID())
	}
	for _, server := range []string{"kafka", "redis", "nats"} {
		if pid, ok := PIDOf(stack, server); ok {
			m.pids[server] = []int{pid}
		}
	}
	return m
}

// PIDOf reads scripts/stack's file about a server; the first line is the pid.
func PIDOf(stack, server string) (int, bool) {
	b, err := os.ReadFile(filepath.Join(stack, server+".pid"))
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	return pid, err == nil
}

func (m *meter) start(ctx context.Context) {
	m.cpu, m.conflicts = m.read(ctx)
}

func (m *meter) stop(ctx context.Context) {
	cpu, conflicts := m.read(ctx)
	subtract(cpu, m.cpu)
	for service := range conflicts {
		subtract(conflicts[service], m.conflicts[service])
	}
	m.cpu, m.conflicts = cpu, conflicts
}

func subtract(from, what map[string]float64) {
	for k := range from {
		from[k] -= what[k]
	}
}

// read gives CPU seconds by what is measured, and conflicts by service and kind of record.
func (m *meter) read(ctx context.Context) (cpu map[string]float64, conflicts map[string]map[string]float64) {
	cpu, conflicts = map[string]float64{}, map[string]map[string]float64{}
	for what, pids := range m.pids {
		for _, pid := range pids {
			d, err := fleet.CPU(pid)
			if err != nil {
				m.failed = append(m.failed, err)
				continue
			}
			cpu[what] += d.Seconds()
		}
	}
	for _, p := range m.fleet.All() {
		if conflicts[p.Service] == nil {
			conflicts[p.Service] = map[string]float64{}
		}
		by, err := p.Metric(ctx, "busyhour_commit_conflicts_total", "record")
		if err != nil {
			m.failed = append(m.failed, err)
			continue
		}
		for record, n := range by {
			conflicts[p.Service][record] += n
		}
	}
	return cpu, conflicts
}

func (m *meter) err() error { return errors.Join(m.failed...) }
