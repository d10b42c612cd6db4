//go:build stack

package e2e

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// program is a run of the busyhour command.
type program struct {
	t     *testing.T
	cmd   *exec.Cmd
	ended chan error

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and renewed with every line
}

func startProgram(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(filepath.Join(w.bin, "busyhour"), args...), ended: make(chan error, 1), more: make(chan struct{})}
	out, err := p.cmd.StdoutPipe()
	must(t, err)
	p.cmd.Stderr = p.cmd.Stdout
	must(t, p.cmd.Start())
	go p.read(out)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", strings.Join(args, " "), p.text())
		}
	})
	return p
}

func (p *program) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
	p.ended <- p.cmd.Wait()
}

func (p *program) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// says waits until it has written that.
func (p *program) says(ctx context.Context, what string) {
	p.t.Helper()
	for {
		p.mu.Lock()
		text, more := strings.Join(p.lines, "\n"), p.more
		p.mu.Unlock()
		if strings.Contains(text, what) {
			return
		}
		select {
		case <-more:
		case err := <-p.ended:
			p.t.Fatalf("it ended with %v before it said %q", err, what)
		case <-ctx.Done():
			p.t.Fatalf("it does not say %q", what)
		}
	}
}

// ends waits for its end, which must be a good one.
func (p *program) ends(ctx context.Context) {
	p.t.Helper()
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Errorf("it ended with %v", err)
		}
	case <-ctx.Done():
		p.t.Fatal("it does not end")
	}
}

// interrupt is Ctrl-C, after which it must end well and without a word.
func (p *program) interrupt(ctx context.Context) {
	p.t.Helper()
	before := p.text()
	must(p.t, p.cmd.Process.Signal(syscall.SIGINT))
	p.ends(ctx)
	if after := strings.TrimPrefix(p.text(), before); strings.TrimSpace(after) != "" {
		p.t.Errorf("at Ctrl-C it says:\n%s", after)
	}
}

// What a newcomer does: start it, open it, place a call, answer it, stop it, start it again: the call is still there.
func TestUpFromTheFirstCallToTheSecondStart(t *testing.T) {
	ctx := within(t, 2*time.Minute)
	address, err := fleet.FreeAddress()
	must(t, err)
	url, data := "http://"+address, t.TempDir()
	up := func() *program {
		began := time.Now()
		p := startProgram(t, "up", "--data", data, "--listen", address)
		p.says(ctx, "Ctrl-C ends it")
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %s to start", took)
		}
		return p
	}
	p := up()
	if text := p.text(); !strings.Contains(text, url+"/#token=") || !strings.Contains(text, "For development") {
		t.Errorf("it does not say what to open, and what it is for:\n%s", text)
	}
	if status := head(ctx, t, url+"/"); status != http.StatusOK {
		t.Errorf("the page answers with %d", status)
	}

	tokenFile := filepath.Join(data, "token")
	if out, err := w.busyhour(ctx, "switches", "--url", url); err == nil || !strings.Contains(out, "there is no token") {
		t.Errorf("somebody without a token is answered: %v\n%s", err, out)
	}
	s := &stage{t: t, ctx: ctx, tenant: "demo", clients: simulate.At(url).Dial(), offers: make(chan *desk, 100)}
	s.token = func(context.Context) (string, error) { return identity.ReadToken(tokenFile) }
	defer s.clients.Close()
	ann := s.desk("ann", url).available()
	call := startProgram(t, "call", "--url", url, "--token-file", tokenFile, "--queue", "support", "--talk", "0")
	contact := ann.rings()
	ann.act(contact, accept)
	call.says(ctx, "connected to ann")

	p.interrupt(ctx)
	call.says(ctx, "trying again")
	p = up()
	v, err := ann.Await(ctx, func(v *simulate.View) bool {
		return ann.Connected() && v.Verified && v.Cards[contact].GetState() == connected
	})
	if err != nil {
		t.Fatalf("after the restart the call is not there: %v, %v", err, v.Cards)
	}
	ann.act(contact, end)
	call.says(ctx, "over, ended by the agent")
	call.ends(ctx)
	ann.shows(contact, wrapUp)
	ann.act(contact, complete)
	ann.clear()

	// A little of a busy hour, and the audit, as the banner advises.
	load := startProgram(t, "simulate", "--url", url, "--token-file", tokenFile, "--bhcc", "7200", "--agents", "20", "--minutes", "0.1", "--think", "300ms", "--wrap-up", "300ms", "--talk", "1s", "--progress=false")
	load.ends(ctx)
	load.says(ctx, "each ended in exactly one final state")
	p.interrupt(ctx)
}

// rings waits for a card and returns its contact.
func (d *desk) rings() string {
	d.s.t.Helper()
	v, err := d.Await(d.s.ctx, func(v *simulate.View) bool { return v.Card() != nil })
	if err != nil {
		d.s.t.Fatalf("%s gets no card: %v", d.Agent(), err)
	}
	return v.Card().ContactId
}

func head(ctx context.Context, t *testing.T, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	must(t, err)
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// One directory has one owner.
func TestUpRefusesADirectoryInUse(t *testing.T) {
	ctx := within(t, time.Minute)
	address, err := fleet.FreeAddress()
	must(t, err)
	data := t.TempDir()
	p := startProgram(t, "up", "--data", data, "--listen", address)
	p.says(ctx, "Ctrl-C ends it")
	out, err := w.busyhour(ctx, "up", "--data", data, "--listen", "127.0.0.1:0")
	if err == nil || !strings.Contains(out, "is in use by another busyhour up") {
		t.Errorf("a second one on the same directory: %v\n%s", err, out)
	}
	p.interrupt(ctx)
}

func TestUpIsForOneMachine(t *testing.T) {
	out, err := w.busyhour(within(t, time.Minute), "up", "--data", t.TempDir(), "--listen", "0.0.0.0:0")
	if err == nil || !strings.Contains(out, "127.0.0.1") {
		t.Errorf("it is open to the network: %v\n%s", err, out)
	}
}
