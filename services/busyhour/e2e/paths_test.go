//go:build stack

package e2e

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

const signalType = "busyhour.routing.signal.v1"

// producer writes to Kafka as a switch does that speaks it.
func producer(t *testing.T) *eventlog.Producer {
	t.Helper()
	p, err := eventlog.NewProducer(eventlog.Config{Brokers: w.servers.Kafka, ClientID: w.run})
	must(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func kafkaSignal(t *testing.T, s *routingv1.Signal) eventlog.Message {
	t.Helper()
	value, err := proto.Marshal(s)
	must(t, err)
	return signalRecord(s.CallId, value)
}

func signalRecord(key string, value []byte) eventlog.Message {
	return eventlog.Message{Topic: topics.Signals, Key: []byte(key), Value: value, Headers: []eventlog.Header{
		{Key: eventlog.HeaderSpecVersion, Value: "1.0"}, {Key: eventlog.HeaderID, Value: simulate.NewCallID()},
		{Key: eventlog.HeaderSource, Value: "/e2e"}, {Key: eventlog.HeaderType, Value: signalType},
		{Key: eventlog.HeaderContentType, Value: "application/protobuf"},
	}}
}

// A switch may send every signal on both paths, and some of them twice: each counts once.
func TestDuplicatesVanishWithinAndAcrossPaths(t *testing.T) {
	s := set(t, within(t, time.Minute), "paths", nil, "ann", "bob")
	s.desk("ann").available()
	s.desk("bob").available()
	sw := s.dial("sw-1")
	kafka := producer(t)

	offer := &routingv1.Signal{
		Tenant: s.tenant, SwitchId: "sw-1", CallId: simulate.NewCallID(), Number: 1, Kind: routingv1.SignalKind_SIGNAL_KIND_OFFERED,
		Offered: &routingv1.CallOffered{QueueId: queue, From: "+15550100"},
	}
	// First by Kafka, then on the stream, then on both again.
	must(t, kafka.Send(s.ctx, kafkaSignal(t, offer), kafkaSignal(t, offer)))
	c := sw.Place(time.Now(), simulate.Plan{Call: offer.CallId, Offer: offer.Offered})
	sw.Stream().Repeat(proto.CloneOf(offer))
	must(t, kafka.Send(s.ctx, kafkaSignal(t, offer)))

	whose := s.offered(c)
	whose.accept(c)
	whose.shows(c.Contact, connected)
	ended := &routingv1.Signal{
		Tenant: s.tenant, SwitchId: "sw-1", CallId: offer.CallId, Number: 2, Kind: routingv1.SignalKind_SIGNAL_KIND_ENDED,
		Ended: &routingv1.CallEnded{By: routingv1.EndedBy_ENDED_BY_CUSTOMER},
	}
	must(t, kafka.Send(s.ctx, kafkaSignal(t, ended)))
	whose.shows(c.Contact, wrapUp)
	c.HangUp() // the same signal once more, on the stream
	must(t, sw.Stream().Settled(s.ctx))
	whose.act(c.Contact, complete)
	must(t, kafka.Send(s.ctx, kafkaSignal(t, offer), kafkaSignal(t, ended))) // long after
	s.ends(sw, c, completed, "queued", "offered", "offer_accepted", "connected", "ended", "completed")
	n := 0
	for _, d := range s.desks {
		n += d.times(c.Contact)
	}
	if n != 1 {
		t.Errorf("the card appeared %d times", n)
	}
}
