//go:build unix

package link

import (
	"errors"
	"net"
	"syscall"
)

// left says whether the other end has closed already, without taking anything of what it said. Clients that wait half a
// second for an answer come again and again; those who left must not be served, or a slow server never gets out of it.
func left(c net.Conn) (gone bool) {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return true
	}
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		gone = n == 0 && err == nil || err != nil && !errors.Is(err, syscall.EAGAIN)
		return true
	})
	return gone || err != nil
}
