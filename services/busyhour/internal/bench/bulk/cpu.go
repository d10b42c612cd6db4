package bulk

import (
	"os"

	"github.com/busyhour/busyhour/services/busyhour/internal/bench"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

// cpu adds up the processor time of all that takes part. What a process had taken before it was killed stays counted.
type cpu struct {
	pids func() []int
	last map[int]float64 // seconds, by process
}

func newCPU(f *fleet.Fleet, s *stub, stack string) *cpu {
	var fixed []int
	for _, server := range []string{"kafka", "redis", "nats"} {
		if pid, ok := bench.PIDOf(stack, server); ok {
			fixed = append(fixed, pid)
		}
	}
	return &cpu{last: map[int]float64{}, pids: func() []int {
		all := append([]int{os.Getpid(), s.PID()}, fixed...)
		for _, p := range f.All() {
			all = append(all, p.PID())
		}
		return all
	}}
}

// seconds taken so far.
func (c *cpu) seconds() (sum float64) {
	for _, pid := range c.pids() {
		if d, err := fleet.CPU(pid); err == nil {
			c.last[pid] = d.Seconds()
		}
	}
	for _, s := range c.last {
		sum += s
	}
	return sum
}
