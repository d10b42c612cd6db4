//go:build unix

package fleet

import "syscall"

// Pause stops it in the midst of whatever it does; it knows nothing of it.
func (c *Child) Pause() error { return c.signal(syscall.SIGSTOP) }

// Resume lets it go on.
func (c *Child) Resume() error { return c.signal(syscall.SIGCONT) }

func (c *Child) signal(s syscall.Signal) error {
	cmd, exited := c.now()
	if cmd == nil || ended(exited) {
		return nil
	}
	return cmd.Process.Signal(s)
}
