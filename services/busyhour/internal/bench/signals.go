package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// signals is a switch that speaks Kafka: to each partition calls that come and are given up, one signal after the other at a
// steady rate.
type signals struct {
	cfg      RolloutConfig
	count    int
	producer *eventlog.Producer

	mu     sync.Mutex
	sent   map[signalKey]sent
	failed error
}

// signalKey is one signal: the call, and whether it is its first or its last.
type signalKey struct {
	call   string
	number uint64
}

type sent struct {
	partition int32
	due       time.Time
}

func openSignals(kafka eventlog.Config, cfg RolloutConfig) (*signals, error) {
	counts, err := eventlog.Partitions(kafka, topics.Signals)
	if err != nil {
		return nil, err
	}
	producer, err := eventlog.NewProducer(kafka)
	if err != nil {
		return nil, err
	}
	return &signals{cfg: cfg, count: int(counts[topics.Signals]), producer: producer, sent: map[signalKey]sent{}}, nil
}

func (s *signals) partitions() int { return s.count }

// feed sends until ctx ends; then it ends the calls that are there.
func (s *signals) feed(ctx context.Context) {
	tick := time.NewTicker(time.Duration(float64(time.Second) / s.cfg.Rate))
	defer tick.Stop()
	calls := make([]string, s.count)
	for {
		for partition := range calls {
			if calls[partition] == "" {
				calls[partition] = s.callFor(int32(partition))
				s.send(calls[partition], 1, int32(partition))
				continue
			}
			s.send(calls[partition], 2, int32(partition))
			calls[partition] = ""
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// callFor makes up a call that goes to the partition.
func (s *signals) callFor(partition int32) string {
	for {
		if call := simulate.NewCallID(); eventlog.PartitionOf([]byte(call), s.count) == partition {
			return call
		}
	}
}

func (s *signals) send(call string, number uint64, partition int32) {
	signal := &routingv1.Signal{Tenant: s.cfg.Tenant, SwitchId: "rollout", CallId: call, Number: number}
	if number == 1 {
		signal.Kind = routingv1.SignalKind_SIGNAL_KIND_OFFERED
		signal.Offered = &routingv1.CallOffered{QueueId: rolloutQueue, From: "+15550100"}
	} else {
		signal.Kind = routingv1.SignalKind_SIGNAL_KIND_ENDED
		signal.Ended = &routingv1.CallEnded{By: routingv1.EndedBy_ENDED_BY_CUSTOMER}
	}
	value, err := proto.Marshal(signal)
	if err != nil {
		panic(err) // texts and numbers always marshal
	}
	now := time.Now()
	s.producer.Produce(eventlog.Message{Topic: topics.Signals, Key: []byte(call), Value: value, Time: now, Headers: []eventlog.Header{
		{Key: eventlog.HeaderSpecVersion, Value: "1.0"}, {Key: eventlog.HeaderID, Value: fmt.Sprintf("%s/%d", call, number)},
		{Key: eventlog.HeaderSource, Value: "/bench"}, {Key: eventlog.HeaderType, Value: "busyhour.routing.signal.v1"},
		{Key: eventlog.HeaderContentType, Value: "application/protobuf"},
	}}, func(err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil {
			s.failed = fmt.Errorf("send a signal: %w", err)
			return
		}
		s.sent[signalKey{call, number}] = sent{partition, now}
	})
}

// close waits for the last acknowledgements.
func (s *signals) close() error {
	err := s.producer.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = s.failed
	}
	return err
}

// handled is what the log says of a signal.
type handled struct {
	at        time.Time // of its first event
	events    int
	revisions map[uint64]bool
}

// handled reads the events until every signal has one, or time is up.
func (r *rollout) handled(ctx context.Context) (map[signalKey]*handled, error) {
	limit := time.Now().Add(rolloutLast)
	for {
		found, err := r.read(ctx)
		if err != nil || len(found) >= len(r.signals.sent) || time.Now().After(limit) {
			return found, err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (r *rollout) read(ctx context.Context) (map[signalKey]*handled, error) {
	found := map[signalKey]*handled{}
	var mu sync.Mutex
	err := eventlog.ReadTopic(ctx, r.kafka, topics.ContactEvents, nil, nil, func(m eventlog.Message) error {
		if m.Header(eventlog.HeaderTenant) != r.cfg.Tenant || m.Header(eventlog.HeaderSubject) == "" {
			return nil
		}
		e := &routingv1.ContactEvent{}
		if err := proto.Unmarshal(m.Value, e); err != nil {
			return err
		}
		number := uint64(1)
		switch e.Kind {
		case routingv1.ContactEvent_KIND_QUEUED:
		case routingv1.ContactEvent_KIND_ABANDONED:
			number = 2
		default:
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		key := signalKey{e.Contact.GetCallId(), number}
		h := found[key]
		if h == nil {
			h = &handled{at: m.Time, revisions: map[uint64]bool{}}
			found[key] = h
		}
		h.events++
		h.revisions[uint64(e.Revision.GetEpoch())<<32+uint64(e.Revision.GetN())] = true
		if m.Time.Before(h.at) {
			h.at = m.Time
		}
		return nil
	})
	return found, err
}
