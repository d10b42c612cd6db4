package rebuild

import (
	"fmt"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

// reigns are the epochs that markers in the log name, by tenant and nonce.
type reigns map[string]map[string]uint32

// heed remembers a marker. One that cannot be read ends no reign; any reader passes it over.
func (l *latest) heed(m eventlog.Message) {
	marker, ok, err := eventlog.ParseMarker(m)
	if !ok || err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, tenant := range marker.Tenants {
		if l.marked[tenant] == nil {
			l.marked[tenant] = map[string]uint32{}
		}
		l.marked[tenant][marker.Nonce] = marker.Epoch
	}
}

// outranked ends a recovery whose number the log has seen already, or a higher one: another is later, or the epoch topic
// has lost its end. The next recovery goes above it.
func (r *Recovery) outranked(found *latest, epoch uint32, nonce string) error {
	var problem error
	for tenant := range found.tenants {
		for theirs, marked := range found.marked[tenant] {
			r.floor[tenant] = max(r.floor[tenant], marked)
			if theirs != nonce && marked >= epoch {
				problem = fmt.Errorf("epoch %d of %s is not the newest: the log has a marker of epoch %d", epoch, tenant, marked)
			}
		}
	}
	return problem
}
