package provision

import (
	"fmt"
	"io"
	"strings"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

const (
	barWidth = 30
	// Where nobody looks at a terminal, a line is written this often.
	lineEvery = 5 * time.Second
)

// Bar shows a job's progress to a person: on a terminal one line that is written again and again, elsewhere a line every
// few seconds.
type Bar struct {
	To       io.Writer
	Terminal bool

	told  time.Time
	width int // of what stands on the terminal's line
}

// Progress implements Watcher.
func (b *Bar) Progress(p Progress) {
	line := barLine(p)
	switch {
	case b.Terminal:
		b.clear()
		b.width, _ = fmt.Fprint(b.To, line)
	case p.Job.Pending == 0 || time.Since(b.told) >= lineEvery:
		b.told = time.Now()
		fmt.Fprintln(b.To, line)
	}
}

// Failed implements Watcher.
func (b *Bar) Failed(o *provisioningv1.Outcome) {
	b.clear()
	fmt.Fprintf(b.To, "failed: item %d, agent %s: %s\n", o.Number, o.AgentId, o.Reason)
}

// Done leaves the terminal's line.
func (b *Bar) Done() {
	if b.width > 0 {
		fmt.Fprintln(b.To)
		b.width = 0
	}
}

func (b *Bar) clear() {
	if b.width > 0 {
		fmt.Fprintf(b.To, "\r%s\r", strings.Repeat(" ", b.width))
		b.width = 0
	}
}

func barLine(p Progress) string {
	full := 0
	if p.Job.Total > 0 {
		full = int(uint64(barWidth) * uint64(p.Ended()) / uint64(p.Job.Total))
	}
	line := fmt.Sprintf("[%s%s] %d of %d", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), p.Ended(), p.Job.Total)
	if p.Job.Failed > 0 {
		line += fmt.Sprintf(", %d failed", p.Job.Failed)
	}
	if p.Rate > 0 {
		line += fmt.Sprintf(", %.0f/s, %s left", p.Rate, p.Left.Round(time.Second))
	}
	return line
}
