package commit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// read is one thing asked of load.lua.
type read interface {
	// ask adds the key and the arguments.
	ask(tx *Tx, l *loading)
	// take fills in the answer.
	take(answer any) error
}

type loading struct {
	keys []string
	args []any
}

func (l *loading) key(k string) int {
	l.keys = append(l.keys, k)
	return len(l.keys)
}

type readRecord struct{ r *Record }

func (q readRecord) ask(tx *Tx, l *loading) {
	q.r.key = tx.foreignKey(q.r.Service, q.r.Name)
	l.args = append(l.args, "r", l.key(q.r.key))
}

func (q readRecord) take(answer any) error {
	fields, ok := answer.([]any)
	if !ok || len(fields) != 3 {
		return fmt.Errorf("record %s: answer %v", q.r.key, answer)
	}
	if revision, ok := fields[0].(string); ok {
		op, _ := fields[1].(string)
		value, _ := fields[2].(string)
		q.r.Revision, q.r.Op, q.r.Value = RevisionOf(number(revision)), op, []byte(value)
	}
	return nil
}

type readIndex struct {
	m              *Members
	service, index string
	min            float64
	skip, n        int
}

func (q readIndex) ask(tx *Tx, l *loading) {
	l.args = append(l.args, "i", l.key(tx.foreignKey(q.service, q.index)), score(q.min), q.skip, q.n)
}

func (q readIndex) take(answer any) error {
	pairs, ok := answer.([]any)
	if !ok || len(pairs)%2 != 0 {
		return fmt.Errorf("index %s: answer %v", q.index, answer)
	}
	q.m.List = make([]Member, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		text, _ := pairs[i+1].(string)
		at, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("index %s: score of %q: %w", q.index, name, err)
		}
		q.m.List = append(q.m.List, Member{name, at})
	}
	return nil
}

type readSize struct {
	n     *int64
	index string
}

func (q readSize) ask(tx *Tx, l *loading) { l.args = append(l.args, "n", l.key(tx.key(q.index))) }

func (q readSize) take(answer any) (err error) {
	n, ok := answer.(int64)
	if !ok {
		return fmt.Errorf("size of %s: answer %v", q.index, answer)
	}
	*q.n = n
	return nil
}

type readMember struct {
	in            *bool
	index, member string
}

func (q readMember) ask(tx *Tx, l *loading) {
	l.args = append(l.args, "s", l.key(tx.key(q.index)), q.member)
}

func (q readMember) take(answer any) error {
	*q.in = answer != ""
	return nil
}

type readCounter struct {
	n    *int64
	name string
}

func (q readCounter) ask(tx *Tx, l *loading) {
	l.args = append(l.args, "c", l.key(tx.key(counters)), q.name)
}

func (q readCounter) take(answer any) (err error) {
	text, _ := answer.(string)
	*q.n, err = strconv.ParseInt(text, 10, 64)
	return err
}

type readOutbox struct {
	entries *[]entry
	record  string
}

func (q readOutbox) ask(tx *Tx, l *loading) {
	l.args = append(l.args, "o", l.key(tx.key(outboxOf(q.record))))
}

func (q readOutbox) take(answer any) (err error) {
	list, _ := answer.([]any)
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i], _ = one.(string)
	}
	*q.entries, err = decodeEntries(texts)
	return err
}

// Fetch reads all that was asked for since the last Fetch, in one round trip and at one moment. The first also reads
// Redis' clock.
func (tx *Tx) Fetch(ctx context.Context) error {
	err := tx.fetch(ctx)
	if err != nil && tx.failed == nil {
		tx.failed = err
	}
	return err
}

func (tx *Tx) fetch(ctx context.Context) error {
	// Another service's epoch may be unknown here, or have moved on; then one more round with the right one.
	for try := range 3 {
		if err := tx.learnMarks(ctx); err != nil {
			return err
		}
		answer, err := tx.load(ctx)
		if err != nil {
			return fmt.Errorf("load from %s/%s: %w", tx.tenant, tx.store.service, err)
		}
		why, _ := answer[0].(string)
		if index, ok := strings.CutPrefix(why, "foreign "); ok && (try == 0 || !tx.unverified) {
			if err := tx.forget(tx.others[number(index)-1]); err != nil {
				return err
			}
			continue
		}
		if why != "" && !tx.unverified {
			tx.store.shut(tx.tenant, tx.epoch, "mark: "+why)
			return tx.store.closed(tx.tenant)
		}
		if tx.why == "" {
			tx.why = why
		}
		for _, o := range tx.others {
			o.read = true
		}
		return tx.take(answer)
	}
	return foreignClosed(tx.others[0].mark)
}

// learnMarks settles in which epoch of each other service this Tx reads.
func (tx *Tx) learnMarks(ctx context.Context) error {
	for _, o := range tx.others {
		if o.epoch != 0 {
			continue
		}
		epoch, err := tx.store.foreignEpoch(ctx, o.mark)
		if err != nil {
			return fmt.Errorf("read mark %s: %w", o.mark, err)
		}
		if epoch == 0 && !tx.unverified {
			return foreignClosed(o.mark)
		}
		o.epoch = epoch
	}
	return nil
}

// errMoved is that another service has moved on to another epoch since this Tx read from it.
var errMoved = errors.New("another service has begun a new epoch since it was read from")

// forget gives up the epoch of another service, for it is not open any more. What was read in it would be decided on
// together with what is read now, and guarded where nobody writes any more.
func (tx *Tx) forget(o *other) error {
	tx.store.forgetForeign(o.mark, o.epoch)
	if o.read && !tx.unverified {
		return fmt.Errorf("%s: %w", o.mark, errMoved)
	}
	o.epoch = 0
	return nil
}

func (tx *Tx) load(ctx context.Context) ([]any, error) {
	l := loading{keys: []string{MarkKey(tx.tenant, tx.store.service)}, args: []any{tx.epoch, len(tx.others)}}
	for _, o := range tx.others {
		l.keys, l.args = append(l.keys, o.mark), append(l.args, o.epoch)
	}
	for _, q := range tx.asked {
		q.ask(tx, &l)
	}
	answer, err := tx.store.load.run(ctx, tx.store.redis, l.keys, l.args)
	if err == nil && len(answer) != 3+len(tx.asked) {
		err = errors.New("load.lua answered to another question")
	}
	return answer, err
}

func (tx *Tx) take(answer []any) error {
	if tx.now.IsZero() {
		seconds, _ := answer[1].(string)
		micros, _ := answer[2].(string)
		tx.now = time.Unix(int64(number(seconds)), int64(number(micros))*1000).UTC().Truncate(time.Millisecond)
	}
	for i, q := range tx.asked {
		if err := q.take(answer[3+i]); err != nil {
			return fmt.Errorf("load from %s/%s: %w", tx.tenant, tx.store.service, err)
		}
	}
	tx.asked = tx.asked[:0]
	return nil
}

// number reads what a script of ours wrote; anything else is 0.
func number(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}

// score writes a score the way Redis reads it.
func score(f float64) string {
	if math.IsInf(f, -1) {
		return "-inf"
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}
