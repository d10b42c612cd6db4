//go:build !stack

package routing_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/golden"
	"github.com/busyhour/busyhour/api/golden/goldentest"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

func TestGoldenEventsOfContacts(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support", RetryAfter: seconds(60)})
	s.queue(&provisioningv1.Queue{Id: "brief", MaxWait: seconds(1)})
	s.queue(&provisioningv1.Queue{Id: "quick", OfferTimeout: seconds(1), RetryAfter: seconds(60)})
	s.hire("anna", "support")
	s.hire("bert", "quick")
	s.hire("cleo", "gone")
	s.queue(&provisioningv1.Queue{Id: "gone", RetryAfter: seconds(60)})
	p := s.startPod("pod-1")
	screen := s.watch("anna", "bert", "cleo")
	s.set("anna", available)
	s.awaitReady(p, "support", 1)
	sw := p.connect("sbc-1", 1)
	sw.welcome()

	sw.say(callOffered("call-1", "support"))
	card := screen.card("anna", offeredState)
	sw.wish(ring)
	s.act(p, "anna", card.ContactId, accept)
	screen.card("anna", connectingState)
	sw.wish(connectAll)
	sw.say(answered("call-1", 2))
	screen.card("anna", connectedState)
	s.act(p, "anna", card.ContactId, hold)
	sw.wish(holdWish)
	sw.say(&routingv1.Signal{CallId: "call-1", Number: 3, Kind: routingv1.SignalKind_SIGNAL_KIND_HELD})
	screen.card("anna", heldState)
	s.act(p, "anna", card.ContactId, resume)
	sw.wish(resumeWish)
	sw.say(&routingv1.Signal{CallId: "call-1", Number: 4, Kind: routingv1.SignalKind_SIGNAL_KIND_RESUMED})
	screen.card("anna", connectedState)
	s.act(p, "anna", card.ContactId, end)
	screen.card("anna", wrapUpState)
	sw.wish(release)
	sw.say(ended("call-1", 5))
	sw.acked()
	s.act(p, "anna", card.ContactId, complete)
	screen.card("anna", 0)

	s.awaitReady(p, "support", 1)
	sw.say(callOffered("call-2", "support")) // declined, and then the customer leaves
	card = screen.card("anna", offeredState)
	s.act(p, "anna", card.ContactId, decline)
	screen.card("anna", 0)
	sw.say(ended("call-2", 2))
	sw.say(callOffered("call-3", "brief")) // overflows
	sw.acked()
	s.await("it has waited too long", func() bool { return s.contact(p, s.contactOf("call-3")).State == overflowedState })
	s.set("bert", available)
	s.awaitReady(p, "quick", 1)
	sw.say(callOffered("call-4", "quick")) // missed, and then the switch gives up
	screen.card("bert", offeredState)
	screen.card("bert", 0)
	sw.say(&routingv1.Signal{CallId: "call-4", Number: 2, Kind: routingv1.SignalKind_SIGNAL_KIND_FAILED, Ended: &routingv1.CallEnded{Cause: "503"}})
	s.set("cleo", available)
	s.awaitReady(p, "gone", 1)
	sw.say(callOffered("call-5", "gone")) // the agent leaves
	screen.card("cleo", offeredState)
	s.set("cleo", onBreak)
	screen.card("cleo", 0)
	sw.acked()
	s.sendSignal(t)
	p.stop()

	// A call that comes and an agent who has become free look for each other at once: either may find the other.
	fixed := strings.NewReplacer("FIRST_IN_LINE", "LONGEST_IDLE", s.contactOf("call-1"), "c-1", s.contactOf("call-2"), "c-2", s.contactOf("call-3"), "c-3",
		s.contactOf("call-4"), "c-4", s.contactOf("call-5"), "c-5")
	records := goldenRecords(append(s.raw(topics.ContactEvents), s.raw(topics.Signals)...)...)
	goldentest.Compare(t, records, fixed,
		events.ContactQueued, events.ContactOffered, events.ContactOfferDeclined, events.ContactOfferTimedOut,
		events.ContactOfferWithdrawn, events.ContactOfferAccepted, events.ContactConnected, events.ContactHeld,
		events.ContactResumed, events.ContactEnded, events.ContactCompleted, events.ContactAbandoned,
		events.ContactOverflowed, events.ContactFailed, events.ContactNoted, events.Signal)
}

// What the auditor, the reaper and a recovery write.
func TestGoldenEventsOfMending(t *testing.T) {
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	p := s.curious("pod-1", 100*time.Millisecond)
	sw := p.connect("sbc-1", 1)
	sw.carriesUntil("the switch is known", func() bool { l := s.switches(p); return len(l) == 1 && l[0].Trusted })
	sw.say(callOffered("call-1", "support"), callOffered("call-2", "support"))
	sw.acked()
	tampered, lost := s.contactOf("call-1"), s.contactOf("call-2")
	epoch := s.overwrite(p, tampered, "nonsense")
	s.await("the lie is found", func() bool { return s.wrote(events.ContactHealed) })
	sw.carriesUntil("a call is lost", func() bool { return s.stateOf(p, lost) == lostState }, carried("call-1", waits, ""))
	sw.acked()

	kafka.Stop()
	sw.say(callOffered("call-3", "support"))
	s.await("only Redis has what was decided", func() bool { return p.metric("busyhour_log_away_seconds") > 1.1 })
	s.flush()
	if err := kafka.Start(); err != nil {
		t.Fatal(err)
	}
	s.await("the log says what it lacks", func() bool { return s.wrote(events.RoutingGap) })
	p.stop()

	fixed := strings.NewReplacer(tampered, "c-1", lost, "c-2", fmt.Sprintf("Redis at %d.1, log at %[1]d.1", epoch), "Redis at 7.1, log at 7.1")
	goldentest.Compare(t, goldenRecords(s.raw(topics.ContactEvents)...), fixed, events.ContactHealed, events.ContactLost, events.RoutingGap, events.Epoch)
}

// overwrite edits a contact in Redis by hand, and returns its epoch.
func (s *stage) overwrite(p *pod, id, value string) uint32 {
	s.Helper()
	rdb := redis.NewUniversalClient(&s.redis)
	defer rdb.Close()
	epoch := s.contactRevision(p, id).Epoch
	if err := rdb.HSet(s.Context(), commit.Key(s.tenant, "call-routing", epoch, "contact:"+id), "v", value).Err(); err != nil {
		s.Fatal(err)
	}
	return epoch
}

func (s *stage) wrote(typ string) bool {
	s.Helper()
	return slices.ContainsFunc(s.raw(topics.ContactEvents), func(m eventlog.Message) bool { return m.Header(eventlog.HeaderType) == typ })
}

// sendSignal is a switch that speaks Kafka.
func (s *stage) sendSignal(t *testing.T) {
	t.Helper()
	producer, err := eventlog.NewProducer(s.kafkaConfig(prometheus.NewRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	signal := callOffered("call-9", "support")
	signal.Tenant, signal.SwitchId = s.tenant, "sbc-2"
	value, err := proto.Marshal(signal)
	if err != nil {
		t.Fatal(err)
	}
	m := eventlog.Message{Topic: topics.Signals, Key: []byte("call-9"), Value: value, Headers: []eventlog.Header{
		{Key: eventlog.HeaderSpecVersion, Value: "1.0"}, {Key: eventlog.HeaderID, Value: "sbc-2/call-9/1"},
		{Key: eventlog.HeaderSource, Value: "/switches/sbc-2"}, {Key: eventlog.HeaderType, Value: events.Signal},
		{Key: eventlog.HeaderSubject, Value: "call-9"}, {Key: eventlog.HeaderContentType, Value: "application/protobuf"},
		{Key: eventlog.HeaderTenant, Value: s.tenant}, {Key: eventlog.HeaderDataSchema, Value: events.SchemaSignal},
	}}
	if err := producer.Send(s.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func goldenRecords(messages ...eventlog.Message) (records []golden.Record) {
	for _, m := range messages {
		r := golden.Record{Topic: m.Topic, Key: string(m.Key), Value: m.Value, Headers: map[string]string{}}
		for _, h := range m.Headers {
			r.Headers[h.Key] = h.Value
		}
		records = append(records, r)
	}
	return records
}
