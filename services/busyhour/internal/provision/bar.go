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
	line  string // told last, where nobody looks at a terminal
	width int    // of what stands on the terminal's line
}

// Progress implements Watcher.
func (b *Bar) Progress(p Progress) {
	line := barLine(p)
	switch {
	case b.Terminal:
		b.clear()
		b.width, _ = fmt.Fprint(b.To, line)
	case b.due(p.Job, line):
		b.told, b.line = time.Now(), line
		fmt.Fprintln(b.To, line)
	}
}

// due says whether a line is worth writing: of a paused job only one with something new, for it may stay paused for days.
func (b *Bar) due(j *provisioningv1.Job, line string) bool {
	if j.PausedAt != nil {
		return line != b.line
	}
	return j.Pending == 0 || time.Since(b.told) >= lineEvery
}

// Failed implements Watcher.
func (b *Bar) Failed(o *provisioningv1.Outcome) {
	b.clear()
	who := strings.Replace(Plain(entity(o)), "/", " ", 1)
	fmt.Fprintf(b.To, "failed: item %d, %s: %s\n", o.Number, who, Plain(o.Reason))
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
	if p.Job.Cancelled > 0 {
		line += fmt.Sprintf(", %d cancelled", p.Job.Cancelled)
	}
	if who := stopped(p.Job); who != "" {
		return line + ", " + who
	}
	if p.Rate > 0 {
		line += fmt.Sprintf(", %.0f/s, %s left", p.Rate, p.Left.Round(time.Second))
	}
	return line
}
