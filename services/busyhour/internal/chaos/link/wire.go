package link

import (
	"net"
	"sync"
	"time"
)

// wire is one connection through a door.
type wire struct {
	net    *Net
	pair   Pair
	client net.Conn

	once sync.Once
	gone chan struct{} // closed when it was reset
}

// run copies both ways until both have ended.
func (w *wire) run(server net.Conn) {
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-w.gone: // wakes who reads
			abort(w.client)
			abort(server)
		case <-stop:
		}
	}()
	var back sync.WaitGroup
	back.Go(func() { w.copy(w.client, server) })
	w.copy(server, w.client)
	back.Wait()
}

// copy passes on what comes, then the end of it; a reset as a reset, so that who has died is missed at once.
func (w *wire) copy(to, from net.Conn) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if !w.let() {
			return
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				w.reset()
				return
			}
		}
		if err != nil {
			_ = to.(*net.TCPConn).CloseWrite()
			return
		}
	}
}

// let waits until the rule lets bytes through; false means that it never will.
func (w *wire) let() bool {
	for {
		rule, changed := w.net.rule(w.pair)
		switch {
		case rule.Cut:
			return false
		case rule.Hole:
			select {
			case <-changed:
			case <-w.gone:
				return false
			}
			continue
		case rule.Slow > 0:
			t := time.NewTimer(rule.Slow)
			defer t.Stop()
			select {
			case <-t.C:
			case <-w.gone:
				return false
			}
		}
		return true
	}
}

func (w *wire) reset() { w.once.Do(func() { abort(w.client); close(w.gone) }) }

// abort closes with a reset instead of an orderly end.
func abort(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}
