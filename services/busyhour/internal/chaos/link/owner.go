package link

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Owners knows processes by the sockets that they hold, as Linux tells.
type Owners struct {
	mu    sync.Mutex
	known []known
}

type known struct {
	name string
	pid  func() int
}

// Add makes a process known. pid is asked whenever somebody is at a door, for a process may have been started again; 0
// means that it does not run.
func (o *Owners) Add(name string, pid func() int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known = append(o.known, known{name, pid})
}

// Of names the process at the other end of a connection; empty if it is none of those known, such as ourselves. It fails
// if the connection is gone already.
func (o *Owners) Of(c net.Conn) (string, error) {
	inode, err := inodeOf(c.RemoteAddr().(*net.TCPAddr), c.LocalAddr().(*net.TCPAddr))
	if err != nil {
		return "", err
	}
	o.mu.Lock()
	all := slices.Clone(o.known)
	o.mu.Unlock()
	for _, k := range slices.Backward(all) { // those who connect most were added last
		if p := k.pid(); p != 0 && holds(p, inode) {
			return k.name, nil
		}
	}
	return "", nil
}

func holds(pid int, inode uint32) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	d, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	socket := fmt.Sprintf("socket:[%d]", inode)
	for _, n := range slices.Backward(names) {
		if to, err := os.Readlink(filepath.Join(dir, n)); err == nil && to == socket {
			return true
		}
	}
	return false
}
