//go:build stack

package e2e

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// The page, in a browser: an agent logs in, goes available, gets a card, answers, wraps up, and sees the figures.
func TestThePage(t *testing.T) {
	s := set(t, within(t, 2*time.Minute), "page", nil, "ann")
	drivePage(t, s, w.fleet.URLs(fleet.Presence)[0])
}

func drivePage(t *testing.T, s *stage, url string) {
	t.Helper()
	sw := s.dial("sw-page")
	script := filepath.Join(w.root, "services/agent-presence/web/e2e/desktop.mjs")
	c := exec.CommandContext(s.ctx, "node", script, "--url", url, "--tenant", s.tenant, "--agent", "ann", "--shots", filepath.Join(w.root, "out", "e2e", "page"))
	c.Dir = filepath.Dir(filepath.Dir(script))
	var failed strings.Builder
	c.Stderr = &failed
	steps, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	var call *simulate.Call
	lines := bufio.NewScanner(steps)
	for lines.Scan() {
		step := lines.Text()
		t.Log(step)
		switch {
		case strings.HasPrefix(step, "desktop: available"):
			call = s.call(sw)
		case strings.HasPrefix(step, "desktop: connected"):
			call.HangUp()
		}
	}
	if err := c.Wait(); err != nil {
		t.Fatalf("the page does not do what it should: %v\n%s", err, failed.String())
	}
	s.ends(sw, call, completed, "queued", "offered", "offer_accepted", "connected", "ended", "completed")
}

// The jobs' pages, in a browser: a file with errors is refused, a good one becomes a job that is followed to its end, and a
// large one is paused, resumed and cancelled.
func TestThePagesOfJobs(t *testing.T) {
	s := set(t, within(t, 4*time.Minute), "jobs", nil)
	script := filepath.Join(w.root, "services/agent-presence/web/e2e/jobs.mjs")
	c := exec.CommandContext(s.ctx, "node", script, "--url", w.fleet.URLs(fleet.Presence)[0], "--tenant", s.tenant, "--steer",
		"--shots", filepath.Join(w.root, "out", "e2e", "jobs"))
	c.Dir = filepath.Dir(filepath.Dir(script))
	said, err := c.CombinedOutput()
	t.Logf("%s", said)
	if err != nil {
		t.Fatalf("the pages do not do what they should: %v", err)
	}
}
