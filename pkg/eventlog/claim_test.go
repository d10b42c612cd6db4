package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
)

// bench is a claim whose records, marks and pauses a test holds in its hands.
type bench struct {
	t       *testing.T
	claim   *claim
	records chan *sarama.ConsumerMessage
	mu      sync.Mutex // handle writes below, while outcomes come from the test
	handed  []string   // "offset.attempt@milliseconds"
	dones   map[int64]func(error)
	marks   []int64
	pauses  []bool
	ended   chan struct{}
	began   time.Time
	cancel  context.CancelFunc
	// answer decides at once what becomes of a record; nil leaves it in hand.
	answer func(offset int64, try int) (err error, now bool)
	tries  map[int64]int
}

func newBench(t *testing.T) *bench {
	b := &bench{
		t: t, records: make(chan *sarama.ConsumerMessage), ended: make(chan struct{}),
		dones: map[int64]func(error){}, tries: map[int64]int{}, began: time.Now(),
	}
	b.claim = &claim{
		topic: "topic", handler: b.handle,
		mark:    func(next int64) { b.marks = append(b.marks, next) },
		pause:   func(p bool) { b.pauses = append(b.pauses, p) },
		retried: func() {},
		end:     func() int64 { return 0 },
		wake:    make(chan struct{}, 1),
		inHand:  map[int64]*inHand{},
	}
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	go func() {
		b.claim.run(ctx, t.Context(), b.records)
		close(b.ended)
	}()
	return b
}

func (b *bench) handle(_ context.Context, m Message, done func(error)) {
	b.mu.Lock()
	b.tries[m.Offset]++
	b.handed = append(b.handed, fmt.Sprintf("%d.%d@%d", m.Offset, b.tries[m.Offset], time.Since(b.began).Milliseconds()))
	b.dones[m.Offset] = done
	try := b.tries[m.Offset]
	b.mu.Unlock()
	if b.answer != nil {
		if err, now := b.answer(m.Offset, try); now {
			done(err)
		}
	}
}

// done is the outcome function of the newest attempt.
func (b *bench) done(offset int64) func(error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dones[offset]
}

func (b *bench) give(offsets ...int64) {
	for _, offset := range offsets {
		b.records <- &sarama.ConsumerMessage{Offset: offset}
	}
	synctest.Wait()
}

// pass lets time go by, and all that falls due in it happen.
func (b *bench) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// end waits until the claim has let go, as it must whatever is in hand.
func (b *bench) end() {
	close(b.records)
	<-b.ended
	b.cancel()
}

func (b *bench) wantHanded(want ...string) {
	b.t.Helper()
	if fmt.Sprint(b.handed) != fmt.Sprint(want) {
		b.t.Errorf("handed out %v, want %v", b.handed, want)
	}
}

func (b *bench) wantMark(want int64) {
	b.t.Helper()
	if len(b.marks) == 0 || b.marks[len(b.marks)-1] != want {
		b.t.Errorf("marks %v, want the last to be %d", b.marks, want)
	}
}

func TestOutcomesMayComeInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.give(10, 11, 14)
		b.wantHanded("10.1@0", "11.1@0", "14.1@0")
		b.done(11)(nil)
		b.done(14)(nil)
		if len(b.marks) != 0 {
			t.Errorf("marked %v while 10 is in hand", b.marks)
		}
		b.done(10)(nil)
		b.wantMark(15)
		b.end()
	})
}

func TestFailedRecordComesAgainLaterAndLaterAndHoldsUpNewOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.answer = func(offset int64, try int) (error, bool) {
			if offset == 1 && try <= 6 {
				return errors.New("not yet"), true
			}
			return nil, true
		}
		b.give(0, 1)
		b.give(2)
		b.pass(time.Minute)
		// 200 ms, doubled up to 5 s.
		b.wantHanded("0.1@0", "1.1@0", "1.2@200", "1.3@600", "1.4@1400", "1.5@3000", "1.6@6200", "1.7@11200", "2.1@11200")
		b.wantMark(3)
		b.give(3)
		b.wantMark(4)
		b.end()
	})
}

func TestBackOffBeginsAnewOnceTheMarkHasMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.answer = func(_ int64, try int) (error, bool) {
			if try == 1 {
				return errors.New("not yet"), true
			}
			return nil, true
		}
		b.give(0)
		b.pass(time.Second)
		b.give(1)
		b.pass(time.Second)
		b.wantHanded("0.1@0", "0.2@200", "1.1@1000", "1.2@1200")
		b.end()
	})
}

func TestSecondOutcomeOfAnAttemptIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.give(0)
		first := b.done(0)
		first(errors.New("not yet"))
		first(nil)
		if len(b.marks) != 0 {
			t.Errorf("marked %v though the record is to come again", b.marks)
		}
		b.pass(time.Second)
		b.wantHanded("0.1@0", "0.2@200")
		first(nil) // of the first attempt, while the second is in hand
		if len(b.marks) != 0 {
			t.Errorf("marked %v by an outcome of an earlier attempt", b.marks)
		}
		b.done(0)(nil)
		b.wantMark(1)
		b.end()
	})
}

func TestPartitionIsPausedWhenTooMuchIsInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		for offset := range int64(2*windowLimit + 10) {
			b.give(offset) // never blocks: what does not fit in the window waits
		}
		if len(b.handed) != windowLimit || fmt.Sprint(b.pauses) != "[true]" {
			t.Fatalf("handed out %d, paused %v, want %d and paused", len(b.handed), b.pauses, windowLimit)
		}
		for offset := range int64(windowLimit) {
			b.done(offset)(nil)
		}
		synctest.Wait()
		if len(b.handed) != 2*windowLimit || fmt.Sprint(b.pauses) != "[true false]" {
			t.Fatalf("handed out %d, paused %v, want the next %d and going on", len(b.handed), b.pauses, windowLimit)
		}
		b.wantMark(windowLimit)
		b.end()
	})
}

func TestPartitionIsGivenUpWhateverIsInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.give(0, 1)
		go func() {
			time.Sleep(100 * time.Millisecond) // soon enough to spare the next member the repetition
			b.done(0)(nil)
		}()
		b.end()
		if took := time.Since(b.began); took != partingWait {
			t.Errorf("gave up the partition after %v, want %v", took, partingWait)
		}
		b.wantMark(1)
		b.done(1)(nil) // too late: it may be somebody else's by now
		b.wantMark(1)
	})
}

func TestPartitionIsGivenUpAtOnceWhenNothingIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.give(0)
		b.done(0)(errors.New("not yet"))
		b.end()
		if took := time.Since(b.began); took != 0 {
			t.Errorf("gave up the partition after %v, want at once: a record that waits for its next try is not awaited", took)
		}
	})
}

func TestPauseDoesNotOutliveTheClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		for offset := range int64(2*windowLimit + 10) {
			b.give(offset)
		}
		b.end()
		if fmt.Sprint(b.pauses) != "[true false]" {
			t.Errorf("pauses %v: the partition would stay paused when it comes back", b.pauses)
		}
	})
}

func TestLagCountsFromTheMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.claim.end = func() int64 { return 20 }
		b.records <- &sarama.ConsumerMessage{Offset: 7, Timestamp: time.Now()}
		synctest.Wait()
		b.pass(3 * time.Second)
		if records, age := b.claim.lag(time.Now()); records != 13 || age != 3*time.Second {
			t.Errorf("lag is %d records, %v, want 13, 3 s", records, age)
		}
		b.done(7)(nil)
		if records, age := b.claim.lag(time.Now()); records != 12 || age != 0 {
			t.Errorf("lag is %d records, %v, want 12, 0", records, age)
		}
		b.end()
	})
}
