//go:build unix

package up

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lock keeps a second process off the data directory, which would end up in pieces.
func lock(data string) (unlock func(), err error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(data, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("data directory %s is in use by another busyhour up; end that one, or take another with --data", data)
	}
	return func() { _ = f.Close() }, nil
}
