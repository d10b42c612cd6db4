package rebuild

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/eventlog/eventlogtest"
)

// reading is a recovery of the compacted shop that only reads.
func (s *shop) reading() *Recovery {
	return New(Config{
		Store: s.store, Epochs: s.epochs, Kafka: s.kafka, Producer: s.producer, Pod: "reader", Logger: zap.NewNop(), Registry: prometheus.NewRegistry(),
		Source: Source{Topics: []Topic{cups()}, Value: func(m eventlog.Message) ([]byte, error) { return m.Value, nil }},
	})
}

// wouldBuild is what a recovery would build now, and how many messages it read for that.
func (s *shop) wouldBuild() (records map[string]string, read int64) {
	s.Helper()
	last, err := eventlog.LastOffsets(s.Context(), s.kafka, events)
	if err != nil {
		s.Fatal(err)
	}
	far := &progress{}
	r := s.reading()
	l, err := r.read(s.Context(), []string{tenant}, map[string][]int64{events: last}, far)
	if err != nil {
		s.Fatal(err)
	}
	all, err := l.records(tenant, r.source.Value)
	if err != nil {
		s.Fatal(err)
	}
	records = map[string]string{}
	for _, one := range all {
		records[one.Name] = one.Revision.String() + " " + string(one.Value)
	}
	return records, far.read.Load()
}

// A recovery reads the compacted topic and what came after it, and no history.
func TestRecoveryReadsWhatIsCompactedAndTheTail(t *testing.T) {
	s := compactedServers(t)
	epoch, _ := s.store.Verified(tenant)
	for i := range 200 {
		s.put(fmt.Sprint("op", i), "cup:1", fmt.Sprint(i))
	}
	s.durable(s.put("op", "cup:2", "full"))
	_, stop := s.compact()
	s.level()
	stop()
	s.durable(s.put("tail", "cup:3", "new"))
	s.durable(s.put("tail2", "cup:2", "newer"))
	records, read := s.wouldBuild()
	want := fmt.Sprint(map[string]string{
		"cup:1": fmt.Sprint(epoch, ".200 199"), "cup:2": fmt.Sprint(epoch, ".2 newer"), "cup:3": fmt.Sprint(epoch, ".1 new"),
	})
	if fmt.Sprint(records) != want {
		t.Errorf("found %v, want %s", records, want)
	}
	if read > 50 {
		t.Errorf("%d messages were read for 3 records", read)
	}
}

// What no Redis can be asked about: a repeat of a record that was forgotten stays forgotten, one that is alive elsewhere
// stays what it is, and a floor that stands only in the state topic still counts.
func TestRecoveryTakesNoGhostFromTheTail(t *testing.T) {
	s := compactedServers(t)
	epoch, _ := s.store.Verified(tenant)
	now := time.Now()
	s.raw("cup:1", "full", commit.Revision{Epoch: epoch, N: 1}, now)
	s.raw("cup:1", broken(now.Add(-time.Second)), commit.Revision{Epoch: epoch, N: 2}, now)
	s.raw("cup:2", "two", commit.Revision{Epoch: epoch, N: 1}, now)
	s.raw("cup:2", "three", commit.Revision{Epoch: epoch, N: 2}, now)
	_, stop := s.compact()
	s.await("cup:1 is forgotten", func() bool { r, _ := s.compacted(); return r["cup:1"] == "" && r["cup:2"] != "" })
	stop()
	s.raw("cup:1", "ghost", commit.Revision{Epoch: epoch, N: 2}, now)                       // the tombstone is still there
	s.raw("cup:3", "ghost", commit.Revision{Epoch: epoch, N: 7}, now)                       // the tombstone is gone
	s.raw("cup:4", "ghost", commit.Revision{Epoch: epoch, N: 1}, now.Add(-25*time.Hour))    // so is this one's
	s.raw("cup:2", "two", commit.Revision{Epoch: epoch, N: 1}, now)                         // a repeat
	s.raw("cup:5", "void", commit.Revision{Epoch: epoch - 1, N: 1}, now)                    // behind a marker that is compacted
	s.raw("cup:6", "live", commit.Revision{Epoch: epoch, N: 1}, now)                        // new
	s.raw("cup:6", "living", commit.Revision{Epoch: epoch, N: 2}, now.Add(time.Nanosecond)) // and its second
	records, _ := s.wouldBuild()
	want := fmt.Sprint(map[string]string{"cup:2": fmt.Sprint(epoch, ".2 three"), "cup:6": fmt.Sprint(epoch, ".2 living")})
	if fmt.Sprint(records) != want {
		t.Errorf("found %v, want %s", records, want)
	}
}

// A key that moved when the topic grew is in two partitions; the newer one counts, wherever it stands.
func TestRecoveryMergesAKeyThatMoved(t *testing.T) {
	s := compactedServers(t)
	epoch, _ := s.store.Verified(tenant)
	now := time.Now()
	s.raw("cup:1", "old", commit.Revision{Epoch: epoch, N: 1}, now)
	_, stop := s.compact()
	s.level()
	stop()
	for _, topic := range []string{states, events} { // the state topic first
		eventlogtest.Grow(t, s.kafka, topic, 6)
	}
	moved := eventlog.PartitionOf([]byte("cup:1"), 3) + 3
	e := eventlog.CloudEvent{Service: "shop", Tenant: tenant, Record: "cup:1", Epoch: epoch, N: 2, Type: "cup", Time: now}
	done := make(chan error, 1)
	p, err := eventlog.NewProducer(s.kafka) // the other has not heard of the growth yet
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.ProduceTo(eventlog.Message{Topic: events, Key: []byte("cup:1"), Value: []byte("new"), Headers: e.Headers()}, moved, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	records, _ := s.wouldBuild()
	if records["cup:1"] != fmt.Sprint(epoch, ".2 new") {
		t.Errorf("found %v", records)
	}
}

// Events that were deleted before they were compacted are a loss that must not pass in silence.
func TestAGapBeforeTheCompactorIsSaid(t *testing.T) {
	err := gap("shop", cups(), 2, 100, 101)
	if err == nil || !strings.Contains(err.Error(), events+"/2 begins at offset 101") || !strings.Contains(err.Error(), "shop.compactor") {
		t.Errorf("got %v", err)
	}
	if err := gap("shop", cups(), 2, 100, 100); err != nil {
		t.Errorf("no gap gives %v", err)
	}
	s := compactedServers(t)
	s.durable(s.put("op1", "cup:1", "full"))
	_, stop := s.compact()
	s.level()
	stop()
	for i := range 3 {
		s.durable(s.put(fmt.Sprint("late", i), "cup:1", "fuller"))
	}
	eventlogtest.DeleteBefore(t, s.kafka, events, s.ends())
	r := s.reading()
	last, err := eventlog.LastOffsets(s.Context(), s.kafka, events)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.read(context.Background(), []string{tenant}, map[string][]int64{events: last}, &progress{}); err == nil || !strings.Contains(err.Error(), "begins at offset") {
		t.Errorf("a recovery over a gap gives %v", err)
	}
}
