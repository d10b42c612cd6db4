package commit

import (
	"context"
	"slices"
)

// lookLimit is how many outboxes one read asks for.
const lookLimit = 64

// look asks Redis whether an event is still in the outbox of its record: somebody else filled that, or this pod has forgotten.
type look struct {
	tenant string
	result Result
	done   func(error)
}

// reign is where a record's outbox is.
type reign struct {
	tenant string
	epoch  uint32
}

// byReign sorts what is to be done by where, for a script works in one reign.
func byReign[T any](bundle []T, of func(T) reign) map[reign][]T {
	sorted := map[reign][]T{}
	for _, one := range bundle {
		at := of(one)
		sorted[at] = append(sorted[at], one)
	}
	return sorted
}

// lookAll reads one outbox after the other in as few round trips as there are reigns. One bundle is under way at a time: a switch
// that sends again thousands of signals must not take Redis' connections from those who decide, and from the recovery.
func (o *outboxes) lookAll(bundle []look) {
	for at, looks := range byReign(bundle, func(l look) reign { return reign{l.tenant, l.result.Epoch} }) {
		for part := range slices.Chunk(looks, lookLimit) {
			o.lookAt(at, part)
		}
	}
}

func (o *outboxes) lookAt(at reign, looks []look) {
	ctx, cancel := context.WithTimeout(context.Background(), scriptTimeout)
	defer cancel()
	var records []string
	for _, l := range looks {
		records = append(records, l.result.Record)
	}
	slices.Sort(records)
	open, err := o.readAll(ctx, at, slices.Compact(records))
	for _, l := range looks {
		if err != nil {
			l.done(err)
			continue
		}
		o.seen(l, open[l.result.Record])
	}
}

// seen waits for the event if it is among what is open in its record's outbox; else it is in the log.
func (o *outboxes) seen(l look, open []entry) {
	r := l.result
	if len(open) == 0 || open[0].revision.Newer(r.Revision) {
		o.store.confirm.add(confirmation{l.tenant, r.Epoch, l.done})
		return
	}
	o.mu.Lock()
	in := o.lane(l.tenant, r.Epoch, r.Record)
	if !r.Revision.Newer(in.acked) { // it arrived meanwhile, and is about to leave the outbox
		o.mu.Unlock()
		o.store.confirm.add(confirmation{l.tenant, r.Epoch, l.done})
		return
	}
	in.waiters = append(in.waiters, waiter{r.Revision, l.done})
	o.mu.Unlock()
	o.extend(l.tenant, r.Epoch, r.Record, open, len(open) == outboxWindow)
}

// read gives the first entries of a record's outbox, if the state is verified.
func (o *outboxes) read(ctx context.Context, tenant string, epoch uint32, record string) ([]entry, error) {
	open, err := o.readAll(ctx, reign{tenant, epoch}, []string{record})
	return open[record], err
}

// readAll gives the first entries of each record's outbox, as they are at one moment.
func (o *outboxes) readAll(ctx context.Context, at reign, records []string) (map[string][]entry, error) {
	tx := newTx(ctx, o.store, at.tenant, "", at.epoch)
	lists := make([][]entry, len(records))
	for i, record := range records {
		tx.asked = append(tx.asked, readOutbox{&lists[i], record})
	}
	if err := tx.Fetch(ctx); err != nil {
		return nil, err
	}
	open := map[string][]entry{}
	for i, record := range records {
		open[record] = lists[i]
	}
	return open, nil
}
