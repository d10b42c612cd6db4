package connector

import (
	"net/http"
	"os"
	"sync"
	"time"
)

// trust is a transport that is made anew when the ca_file by which it trusts has changed.
type trust struct {
	file string
	make func() (*http.Transport, error)

	mu   sync.Mutex
	seen stamp
	now  *http.Transport
}

// stamp tells one content of a file from the next.
type stamp struct {
	size int64
	at   time.Time
}

func (t *trust) RoundTrip(r *http.Request) (*http.Response, error) {
	now, err := t.current()
	if err != nil {
		return nil, err
	}
	return now.RoundTrip(r)
}

// current stays with what was trusted before while the file is gone or makes no sense, as in the middle of a change.
func (t *trust) current() (*http.Transport, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := os.Stat(t.file)
	if err == nil && t.now != nil && t.seen == (stamp{info.Size(), info.ModTime()}) {
		return t.now, nil
	}
	made, errMade := t.make()
	switch {
	case errMade == nil && err == nil:
		if t.now != nil {
			t.now.CloseIdleConnections()
		}
		t.now, t.seen = made, stamp{info.Size(), info.ModTime()}
	case t.now == nil && errMade != nil:
		return nil, errMade
	case t.now == nil:
		return nil, withoutPath(err)
	}
	return t.now, nil
}
