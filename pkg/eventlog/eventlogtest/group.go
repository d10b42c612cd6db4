package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

// join starts a member and gives what stops it.
func (h harness) join(group, topic string, handler eventlog.Handler) (stop func()) {
	h.t.Helper()
	g, err := eventlog.NewGroup(h.cfg, group, []string{topic}, handler)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.start(g.Run)
}

// fill writes n numbered messages to each partition and waits for them.
func (h harness) fill(p *eventlog.Producer, topic string, partitions, from, n int) {
	h.t.Helper()
	outcomes := make(chan error, partitions*n)
	for i := range n {
		for partition := range partitions {
			p.ProduceTo(eventlog.Message{Topic: topic, Value: fmt.Append(nil, from+i)}, int32(partition), func(err error) { outcomes <- err })
		}
	}
	for range partitions * n {
		if err := receive(h, outcomes, "an acknowledgement"); err != nil {
			h.t.Fatal(err)
		}
	}
}

func groupInOrder(t *testing.T, h harness) {
	const partitions, n = 3, 500
	topic := h.topic("in-order", partitions)
	h.fill(h.producer(), topic, partitions, 0, n)
	var mu sync.Mutex
	next, seen, all := map[int32]int{}, 0, make(chan struct{})
	h.join(h.name("group"), topic, func(_ context.Context, m eventlog.Message, done func(error)) {
		mu.Lock()
		defer mu.Unlock()
		if want := fmt.Sprint(next[m.Partition]); string(m.Value) != want {
			t.Errorf("partition %d: got %s, want %s", m.Partition, m.Value, want)
		}
		next[m.Partition]++
		if seen++; seen == partitions*n {
			close(all)
		}
		done(nil)
	})
	receive(h, all, "the last record")
}

func groupRetries(t *testing.T, h harness) {
	const n = 50
	topic := h.topic("retries", 1)
	h.fill(h.producer(), topic, 1, 0, n)
	var mu sync.Mutex
	tries, finished, all := map[string]int{}, 0, make(chan struct{})
	h.join(h.name("group"), topic, func(_ context.Context, m eventlog.Message, done func(error)) {
		mu.Lock()
		tries[string(m.Value)]++
		try := tries[string(m.Value)]
		mu.Unlock()
		// Every tenth fails twice, and the outcomes come from elsewhere.
		go func() {
			if m.Offset%10 == 0 && try <= 2 {
				done(errors.New("not yet"))
				return
			}
			mu.Lock()
			if finished++; finished == n {
				close(all)
			}
			mu.Unlock()
			done(nil)
			done(errors.New("a second outcome is nobody's business"))
		}()
	})
	receive(h, all, "the last outcome")
	mu.Lock()
	defer mu.Unlock()
	for i := range n {
		want := 1
		if i%10 == 0 {
			want = 3
		}
		if got := tries[fmt.Sprint(i)]; got != want {
			t.Errorf("record %d was handed out %d times, want %d", i, got, want)
		}
	}
}

func groupNeverMarksEarly(t *testing.T, h harness) {
	const n, stuck = 30, 12
	topic, group := h.topic("early", 1), h.name("group")
	h.fill(h.producer(), topic, 1, 0, n)
	last := make(chan struct{})
	leave := h.join(group, topic, func(_ context.Context, m eventlog.Message, done func(error)) {
		if m.Offset != stuck { // its outcome never comes
			done(nil)
		}
		if m.Offset == n-1 {
			close(last)
		}
	})
	receive(h, last, "the last record")
	leave()
	offsets := make(chan int64, n)
	h.join(group, topic, func(_ context.Context, m eventlog.Message, done func(error)) {
		offsets <- m.Offset
		done(nil)
	})
	if first := receive(h, offsets, "the first record of the next member"); first != stuck {
		t.Errorf("the next member begins at offset %d, want %d: that has no outcome yet, and all before it have", first, stuck)
	}
}

func groupMembersComeAndGo(t *testing.T, h harness) {
	const partitions, rounds, each = 6, 5, 100
	topic, group, p := h.topic("members", partitions), h.name("group"), h.producer()
	var mu sync.Mutex
	seen, all := map[string]bool{}, make(chan struct{})
	handler := func(_ context.Context, m eventlog.Message, done func(error)) {
		go func() {
			mu.Lock()
			seen[fmt.Sprintf("%d/%s", m.Partition, m.Value)] = true
			if len(seen) == partitions*rounds*each {
				select {
				case <-all:
				default:
					close(all)
				}
			}
			mu.Unlock()
			done(nil)
		}()
	}
	h.join(group, topic, handler)
	leave := func() {}
	for round := range rounds {
		h.fill(p, topic, partitions, round*each, each)
		leave()
		leave = h.join(group, topic, handler)
	}
	receive(h, all, "every record")
}

func groupKeepsGoing(t *testing.T, h harness) {
	const partitions = 4
	topic, group, p := h.topic("keeps-going", partitions), h.name("group"), h.producer()
	handled := make([]chan string, partitions) // by whom
	for i := range handled {
		handled[i] = make(chan string, 100)
	}
	member := func(name string) eventlog.Handler {
		return func(_ context.Context, m eventlog.Message, done func(error)) {
			done(nil)
			handled[m.Partition] <- name
		}
	}
	h.join(group, topic, member("first"))
	h.fill(p, topic, partitions, 0, 1)
	for _, c := range handled {
		receive(h, c, "the first record")
	}
	h.join(group, topic, member("second"))

	// One record after the other on each partition, until the second member has its half.
	var mu sync.Mutex
	var all sync.WaitGroup
	half, over, moved := make(chan struct{}), make(chan struct{}), 0
	worst, by := make([]time.Duration, partitions), make([]string, partitions)
	for partition := range partitions {
		all.Go(func() {
			for {
				began := time.Now()
				outcome := make(chan error, 1)
				p.ProduceTo(eventlog.Message{Topic: topic}, int32(partition), func(err error) { outcome <- err })
				if err := <-outcome; err != nil {
					t.Error(err)
					return
				}
				select {
				case name := <-handled[partition]:
					mu.Lock()
					worst[partition] = max(worst[partition], time.Since(began))
					if name == "second" && by[partition] != name {
						if moved++; moved == partitions/2 {
							close(half)
						}
					}
					by[partition] = name
					mu.Unlock()
				case <-h.ctx.Done():
					return
				}
				select {
				case <-over:
					return
				default:
				}
			}
		})
	}
	receive(h, half, "the second member's half of the partitions")
	close(over)
	all.Wait()
	for partition := range partitions {
		t.Logf("partition %d, in the end with the %s member: a record waited %v at most", partition, by[partition], worst[partition])
		if by[partition] == "first" && worst[partition] > 2500*time.Millisecond {
			t.Errorf("partition %d stayed, and a record of it waited %v while a member joined", partition, worst[partition])
		}
	}
}
