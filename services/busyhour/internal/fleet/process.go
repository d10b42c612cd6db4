package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopLimit is how long a process may take to end after SIGTERM.
const stopLimit = 40 * time.Second

// Process is one copy of one service. It can be started again after it has ended.
type Process struct {
	Service, Name string
	// Log has what it wrote, over all its starts.
	Log string

	binary, config, listen, ops string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{} // closed when the present cmd has ended
	err    error         // how it ended; read after exited
}

// URL of its public port.
func (p *Process) URL() string { return "http://" + p.listen }

// Ops is the address of health and metrics.
func (p *Process) Ops() string { return "http://" + p.ops }

// Start it; it is not ready yet.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.binary, "--config", p.config)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = foreign(os.Environ())
	endWithUs(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	exited := make(chan struct{})
	p.cmd, p.exited = cmd, exited
	go func() {
		p.err = cmd.Wait()
		close(exited)
	}()
	return nil
}

// foreign drops our own variables: the configuration file says everything, and BUSYHOUR_REDIS_CLUSTER, for one, is a
// list of nodes to the tests and a switch to a service.
func foreign(environment []string) []string {
	return slices.DeleteFunc(environment, func(v string) bool { return strings.HasPrefix(v, "BUSYHOUR_") })
}

// PID, or 0 if it does not run.
func (p *Process) PID() int {
	cmd, exited := p.now()
	if cmd == nil || ended(exited) {
		return 0
	}
	return cmd.Process.Pid
}

func (p *Process) now() (*exec.Cmd, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd, p.exited
}

func ended(exited chan struct{}) bool {
	select {
	case <-exited:
		return true
	default:
		return false
	}
}

// Ready waits until it says that it is.
func (p *Process) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, exited := p.now()
	for {
		why := p.ready(ctx)
		if why == nil {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("%s ended at its start: %w\n%s", p.Name, p.err, p.Tail(20))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", p.Name, why, p.Tail(20))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *Process) ready(ctx context.Context) error {
	_, err := p.get(ctx, "/readyz")
	return err
}

func (p *Process) get(ctx context.Context, path string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Ops()+path, nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, strings.TrimSpace(string(body)))
	}
	return string(body), err
}

// Stop ends it with SIGTERM and waits; it must end well.
func (p *Process) Stop() error {
	cmd, exited := p.now()
	if cmd == nil || ended(exited) {
		return nil
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	return p.wait(cmd, exited)
}

// Terminate sends SIGTERM and does not wait.
func (p *Process) Terminate() {
	if cmd, exited := p.now(); cmd != nil && !ended(exited) {
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
}

// Ended waits for a process that was told to end; it must end well.
func (p *Process) Ended() error {
	cmd, exited := p.now()
	if cmd == nil {
		return nil
	}
	return p.wait(cmd, exited)
}

func (p *Process) wait(cmd *exec.Cmd, exited chan struct{}) error {
	select {
	case <-exited:
		if p.err != nil {
			return fmt.Errorf("%s ended with %w", p.Name, p.err)
		}
		return nil
	case <-time.After(stopLimit):
		_ = cmd.Process.Kill()
		<-exited
		return fmt.Errorf("%s did not end within %s of SIGTERM and was killed", p.Name, stopLimit)
	}
}

// Kill ends it with SIGKILL, as a machine that dies would.
func (p *Process) Kill() error {
	cmd, exited := p.now()
	if cmd == nil || ended(exited) {
		return nil
	}
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-exited
	return nil
}

// Tail is the last lines of its log.
func (p *Process) Tail(lines int) string {
	b, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
