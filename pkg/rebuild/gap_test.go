package rebuild

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// Kafka goes away, decisions go on, Redis is lost, Kafka comes back: what was acknowledged is there, and the log says
// what is missing.
func TestLostDecisionsLeaveAGapThatSaysSo(t *testing.T) {
	kafka, cfg, cache := outage(t)
	s := openShop(t, cfg, cache, confessing)
	defer s.stop()
	s.durable(s.put("op1", "cup:1", "full"))
	epoch, _ := s.store.Verified(tenant)
	before := time.Now()
	kafka.Stop()
	s.put("op2", "cup:2", "full") // decided, shown, never acknowledged
	s.waitOwing()
	cache.Flush()
	s.waitPhase(Waiting)
	if _, open := s.store.Verified(tenant); open {
		t.Fatal("open without a log")
	}
	if err := kafka.Start(); err != nil {
		t.Fatal(err)
	}
	s.waitOpen(epoch + 1)
	if value, _, _ := s.get("cup:1"); value != "full" {
		t.Errorf("what was acknowledged came back as %q", value)
	}
	gap := s.waitGap()
	if gap.Tenant != tenant || gap.From.Before(before.Add(-time.Second)) || !gap.To.After(gap.From) {
		t.Errorf("%+v, Kafka went at %s", gap, before)
	}
}

// Kafka is away and Redis closes for another reason, with all its data: recovery drains it, and nothing is missing.
func TestWhatIsStillInRedisLeavesNoGap(t *testing.T) {
	kafka, cfg, cache := outage(t)
	s := openShop(t, cfg, cache, confessing)
	defer s.stop()
	epoch, _ := s.store.Verified(tenant)
	kafka.Stop()
	r := s.put("op1", "cup:1", "full")
	s.waitOwing()
	s.store.Shut(tenant, epoch+1, "a test closed it")
	if err := s.store.Redis().HSet(t.Context(), commit.MarkKey(tenant, "shop"), "replid", "another").Err(); err != nil {
		t.Fatal(err)
	}
	if err := kafka.Start(); err != nil {
		t.Fatal(err)
	}
	s.waitOpen(epoch + 1)
	if value, _, revision := s.get("cup:1"); value != "full" || revision != r.Revision {
		t.Errorf("cup:1 came back as %q at %s", value, revision)
	}
	if gap, ok, err := s.store.Forgotten(t.Context(), tenant); ok || err != nil {
		t.Errorf("%+v, %v", gap, err)
	}
	if gaps := s.gaps(); len(gaps) != 0 {
		t.Errorf("%v", gaps)
	}
}

func outage(t *testing.T) (*embedded.Kafka, eventlog.Config, *embedded.Redis) {
	t.Helper()
	kafka, err := embedded.StartKafka(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	cache, err := embedded.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cache.Close)
	cfg := eventlog.Config{Brokers: []string{kafka.Addr}, ClientID: "test"}
	plan := []eventlog.TopicSpec{{Name: events, Partitions: 3}, {Name: epochs, Partitions: 1}}
	if _, err := eventlog.Ensure(t.Context(), cfg, plan, 1); err != nil {
		t.Fatal(err)
	}
	return kafka, cfg, cache
}

// confessing has gaps told.
func confessing(c *Config) {
	c.Source.Gap = func(g commit.Gap) commit.Event {
		data, err := json.Marshal(g)
		if err != nil {
			panic(err)
		}
		return commit.Event{Topic: events, Key: g.Tenant, Type: "gap", Data: data}
	}
}

// waitOwing waits until the log has acknowledged nothing for so long that only Redis has what was decided.
func (s *shop) waitOwing() {
	s.Helper()
	limit := time.After(30 * time.Second)
	for s.store.LogAway() < 1100*time.Millisecond {
		select {
		case <-time.After(10 * time.Millisecond): // between two looks
		case <-limit:
			s.Fatal("the log still acknowledges")
		}
	}
}

// waitGap reads the log until it tells of a gap.
func (s *shop) waitGap() (gap commit.Gap) {
	s.Helper()
	limit := time.After(30 * time.Second)
	for {
		if all := s.gaps(); len(all) > 0 {
			return all[0]
		}
		select {
		case <-time.After(10 * time.Millisecond): // between two looks
		case <-limit:
			s.Fatal("the log tells of no gap")
		}
	}
}

func (s *shop) gaps() (all []commit.Gap) {
	s.Helper()
	var mu sync.Mutex
	err := eventlog.ReadTopic(s.Context(), s.kafka, events, nil, nil, func(m eventlog.Message) error {
		if m.Header(eventlog.HeaderType) != "gap" {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		var g commit.Gap
		err := json.Unmarshal(m.Value, &g)
		all = append(all, g)
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	return all
}
