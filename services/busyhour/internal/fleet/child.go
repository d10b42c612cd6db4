package fleet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopLimit is how long a process may take to end after SIGTERM, and to say why it does not after SIGQUIT.
const stopLimit = 40 * time.Second

// ErrHung says that a process did not end when it was told to.
var ErrHung = errors.New("did not end in time and was killed")

// Child is a process that does not outlive this one. It can be started again after it has ended.
type Child struct {
	Name string
	// Log has what it wrote, over all its starts.
	Log string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{} // closed when the present cmd has ended
	err    error         // how it ended; read after exited
}

// Launch starts it with these arguments, the binary first, and nothing but this environment.
func (c *Child) Launch(argv, environment []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = environment
	endWithUs(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", c.Name, err)
	}
	exited := make(chan struct{})
	c.cmd, c.exited = cmd, exited
	go func() {
		c.err = cmd.Wait()
		close(exited)
	}()
	return nil
}

// PID, or 0 if it does not run.
func (c *Child) PID() int {
	cmd, exited := c.now()
	if cmd == nil || ended(exited) {
		return 0
	}
	return cmd.Process.Pid
}

func (c *Child) now() (*exec.Cmd, chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cmd, c.exited
}

func ended(exited chan struct{}) bool {
	select {
	case <-exited:
		return true
	default:
		return false
	}
}

// Stop ends it with SIGTERM and waits; it must end well.
func (c *Child) Stop() error {
	cmd, exited := c.now()
	if cmd == nil || ended(exited) {
		return nil
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	return c.wait(cmd, exited)
}

// Terminate sends SIGTERM and does not wait.
func (c *Child) Terminate() {
	if cmd, exited := c.now(); cmd != nil && !ended(exited) {
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
}

// Ended waits for a process that was told to end; it must end well.
func (c *Child) Ended() error {
	cmd, exited := c.now()
	if cmd == nil {
		return nil
	}
	return c.wait(cmd, exited)
}

func (c *Child) wait(cmd *exec.Cmd, exited chan struct{}) error {
	select {
	case <-exited:
		if c.err != nil {
			return fmt.Errorf("%s ended with %w", c.Name, c.err)
		}
		return nil
	case <-time.After(stopLimit):
		_ = cmd.Process.Signal(syscall.SIGQUIT) // a Go process writes where its goroutines are, and ends
	}
	select {
	case <-exited:
	case <-time.After(stopLimit):
		_ = cmd.Process.Kill()
		<-exited
	}
	return fmt.Errorf("%s %w, %s after SIGTERM; where it hung is at the end of %s", c.Name, ErrHung, stopLimit, c.Log)
}

// Kill ends it with SIGKILL, as a machine that dies would.
func (c *Child) Kill() error {
	cmd, exited := c.now()
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
func (c *Child) Tail(lines int) string {
	b, err := os.ReadFile(c.Log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
