// Package eventlogtest is what eventlog promises, as tests that run against any broker.
package eventlogtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

// Run checks every promise against the brokers of cfg. It makes topics and groups under names of its own and leaves them.
func Run(t *testing.T, cfg eventlog.Config) {
	for _, promise := range []struct {
		name  string
		check func(*testing.T, harness)
	}{
		{"a key keeps its partition and its order", keyOrder},
		{"what was acknowledged is read", acknowledgedIsRead},
		{"a message too large for Kafka is refused, those beside it are not", tooLarge},
		{"a read goes from and to where it was told", readRange},
		{"a read passes over transactions that were given up, and markers at the end", readTransactions},
		{"a read from before the log's start fails", readBeforeStart},
		{"the first error of a reader ends the read", readError},
		{"confirm sees the epoch that somebody else took", confirmSeesForeignEpoch},
		{"concurrent takers never get the same epoch", concurrentTakers},
		{"an epoch is never below its floor", epochFloor},
		{"a late reader of the epochs comes to the same numbers", epochsAgree},
		{"behind a fence, lower epochs are void", fence},
		{"a dead letter has its reason and the original", deadLetter},
		{"a group hands out everything, in order per partition", groupInOrder},
		{"a record that failed comes again, nothing is lost", groupRetries},
		{"a record that is not done is not marked", groupNeverMarksEarly},
		{"members come and go, nothing is lost", groupMembersComeAndGo},
		{"a member that joins does not hold up partitions that stay", groupKeepsGoing},
		{"what was consumed and what came of it are committed together", transaction},
		{"the later writer of an id wins, the earlier one writes no more", laterWriterWins},
		{"a writer that was fenced says so", fencedIsSaid},
		{"a member of an old generation can't commit a transaction", oldGenerationLoses},
		{"an uncommitted read has what transactions hold or gave up", uncommittedRead},
		{"a topic grows under its writers, nothing is lost or out of order", growsUnderWriters},
		{"an epoch taken while a topic grows is marked in its new partitions", epochWhileItGrows},
		{"a growth that was broken off goes on", growthBrokenOff},
		{"two that let a topic grow both come to an end", twoGrow},
		{"a group picks up what its topic grew by", groupPicksUp},
		{"missing topics are made, and a second time nothing is done", ensureCreates},
		{"a topic is never shrunk, differences are named", ensureNamesDifferences},
	} {
		t.Run(promise.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			t.Cleanup(cancel)
			promise.check(t, harness{t: t, ctx: ctx, cfg: cfg, run: fmt.Sprintf("%x", time.Now().UnixNano())})
		})
	}
}

// harness is what each check works with.
type harness struct {
	t   *testing.T
	ctx context.Context
	cfg eventlog.Config
	run string // makes names unique
}

func (h harness) name(of string) string { return "eventlogtest." + of + "." + h.run }

// topic makes one.
func (h harness) topic(of string, partitions int32) string {
	h.t.Helper()
	name := h.name(of)
	h.must(eventlog.Ensure(h.ctx, h.cfg, []eventlog.TopicSpec{
		{Name: name, Partitions: partitions, Cleanup: "delete", Retention: time.Hour},
	}, 1))
	return name
}

func (h harness) must(_ any, err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h harness) producer() *eventlog.Producer {
	h.t.Helper()
	p, err := eventlog.NewProducer(h.cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			h.t.Error(err)
		}
	})
	return p
}

func (h harness) send(p *eventlog.Producer, messages ...eventlog.Message) {
	h.t.Helper()
	if err := p.Send(h.ctx, messages...); err != nil {
		h.t.Fatal(err)
	}
}

// read gives what a topic has, by partition.
func (h harness) read(topic string, partitions int) [][]eventlog.Message {
	h.t.Helper()
	got := make([][]eventlog.Message, partitions)
	err := eventlog.ReadTopic(h.ctx, h.cfg, topic, nil, nil, func(m eventlog.Message) error {
		got[m.Partition] = append(got[m.Partition], m)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return got
}

// receive waits for a value.
func receive[T any](h harness, from <-chan T, what string) T {
	h.t.Helper()
	select {
	case v := <-from:
		return v
	case <-h.ctx.Done():
		h.t.Fatalf("%s did not come: %v", what, context.Cause(h.ctx))
		panic("not reached")
	}
}

// start runs f until the returned stop, which waits for it, or the end of the test.
func (h harness) start(f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(h.ctx)
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("it ended with %v", err)
		}
	}
	h.t.Cleanup(stop)
	return stop
}
