package test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/consume"
	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/embedded"
)

const letters = "team.dead-letter"

// stage is a broker with our topics, and one who writes to them.
type stage struct {
	*testing.T
	brokers  []string
	producer sarama.SyncProducer
}

func set(t *testing.T) *stage {
	t.Helper()
	k, err := embedded.StartKafka("", t.Logf)
	must(t, err)
	t.Cleanup(k.Close)
	s := &stage{T: t, brokers: []string{k.Addr}}
	kafka := consume.Settings()
	kafka.Metadata.Full = true // else it asks nobody who the controller is
	admin, err := sarama.NewClusterAdmin(s.brokers, kafka)
	must(t, err)
	defer admin.Close()
	for topic, partitions := range map[string]int32{topics.ContactEvents: 4, letters: 1} {
		must(t, admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false))
	}
	s.producer, err = sarama.NewSyncProducer(s.brokers, consume.Settings())
	must(t, err)
	t.Cleanup(func() { s.producer.Close() })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tell writes an event of a contact.
func (s *stage) tell(id string, n uint32) {
	s.Helper()
	value, err := proto.Marshal(&routingv1.ContactEvent{
		Revision: &commonv1.Revision{Epoch: 1, N: n}, Contact: &routingv1.Contact{Id: id, Tenant: "acme"},
	})
	must(s.T, err)
	s.put(id, value, "busyhour.routing.contact.noted.v1", "contact:"+id, n)
}

func (s *stage) put(key string, value []byte, kind, subject string, n uint32) {
	s.Helper()
	m := &sarama.ProducerMessage{Topic: topics.ContactEvents, Key: sarama.StringEncoder(key), Value: sarama.ByteEncoder(value)}
	for k, v := range map[string]string{
		"ce_specversion": "1.0", "ce_id": subject + "@" + strconv.Itoa(int(n)), "ce_source": "/test", "ce_type": kind, "ce_subject": subject,
		"ce_time": time.Now().UTC().Format(time.RFC3339Nano), "content-type": "application/protobuf", "ce_tenant": "acme",
		"ce_revision": strconv.FormatUint(1<<32|uint64(n), 10),
	} {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(k), Value: []byte(v)})
	}
	_, _, err := s.producer.SendMessage(m)
	must(s.T, err)
}

// reader is a member, with what it was told.
type reader struct {
	*consume.Consumer
	stop func() // and wait until it has left

	mu   sync.Mutex
	seen []string
}

// member joins the group. trouble, if it is not nil, is asked before each event.
func (s *stage) member(store consume.Store, change func(*consume.Config), trouble func(consume.Meta) error) *reader {
	s.Helper()
	dead, err := consume.NewDeadLetters(s.brokers, letters, nil)
	must(s.T, err)
	cfg := consume.Config{
		Brokers: s.brokers, Group: "team.reader", Topics: []string{topics.ContactEvents}, Store: store, DeadLetter: dead.Write,
		Logger: slog.New(slog.NewTextHandler(s.Output(), nil)),
	}
	if change != nil {
		change(&cfg)
	}
	r := &reader{}
	r.Consumer, err = consume.New(cfg, consume.On(func(_ context.Context, e consume.Event[*routingv1.ContactEvent]) error {
		if trouble != nil {
			if err := trouble(e.Meta); err != nil {
				return err
			}
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen = append(r.seen, fmt.Sprint(e.Data.Contact.Id, " ", e.Revision.N()))
		return nil
	}))
	must(s.T, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.Context()))
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-ended, dead.Close()); err != nil {
			s.Errorf("the member ends with %v", err)
		}
	})
	s.Cleanup(r.stop)
	return r
}

func (r *reader) events() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

// await until it holds; it is asked every few milliseconds.
func (s *stage) await(what string, holds func() bool) {
	s.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			s.Fatalf("not within 30 s: %s", what)
		}
	}
}

func story(id string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint(id, " ", i+1))
	}
	return all
}

func of(id string, seen []string) []string {
	return slices.DeleteFunc(slices.Clone(seen), func(e string) bool { return !strings.HasPrefix(e, id+" ") })
}

func TestEachEventComesOnceAndInOrderThoughMembersComeAndGo(t *testing.T) {
	s := set(t)
	store := consume.NewMemory()
	const contacts, events = 20, 30
	first := s.member(store, nil, nil)
	var second *reader
	for n := range events {
		for c := range contacts {
			s.tell(fmt.Sprint("c-", c), uint32(n+1))
		}
		switch n {
		case events / 3:
			second = s.member(store, nil, nil)
			s.await("the second member has partitions", func() bool { return len(second.Lag()) > 0 })
		case 2 * events / 3:
			first.stop()
		}
	}
	s.await("all events are handled", func() bool { return len(first.events())+len(second.events()) >= contacts*events })
	for c := range contacts {
		id := fmt.Sprint("c-", c)
		if got := append(of(id, first.events()), of(id, second.events())...); !slices.Equal(got, story(id, events)) {
			t.Errorf("contact %s: handled %v", id, got)
		}
	}
	s.await("nothing lags", func() bool {
		return !slices.ContainsFunc(second.Lag(), func(l consume.Lag) bool { return l.Records > 0 || l.Seconds > 0 })
	})
}

func TestAMemberThatComesBackGoesOnWhereItWas(t *testing.T) {
	s := set(t)
	r := s.member(nil, nil, nil)
	s.tell("c-1", 1)
	s.await("the first event", func() bool { return len(r.events()) == 1 })
	r.stop()
	s.tell("c-1", 2)
	r = s.member(nil, nil, nil)
	s.await("the second event", func() bool { return len(r.events()) > 0 })
	if got := r.events(); !slices.Equal(got, []string{"c-1 2"}) {
		t.Errorf("handled %v after the restart, want only what was new", got)
	}
}

func TestAReplayBeginsAtTheBeginning(t *testing.T) {
	s := set(t)
	replay := func(c *consume.Config) { c.Replay = true }
	s.tell("c-1", 1)
	for range 2 {
		r := s.member(nil, replay, nil)
		s.await("the event", func() bool { return len(r.events()) == 1 })
		r.stop()
	}
}

func TestAPartitionInTroubleHoldsUpNoOther(t *testing.T) {
	s := set(t)
	var away sync.Map
	away.Store("c-1", true)
	r := s.member(nil, nil, func(m consume.Meta) error {
		if _, is := away.Load(m.Key); is {
			return errors.New("the database is away")
		}
		return nil
	})
	for n := range 3 {
		s.tell("c-1", uint32(n+1))
	}
	others := 0
	for c := range 8 {
		if id := fmt.Sprint("x-", c); partitionOf(id) != partitionOf("c-1") {
			s.tell(id, 1)
			others++
		}
	}
	s.await("the other partitions go on", func() bool { return len(r.events()) == others })
	s.await("the lag shows", func() bool {
		return slices.ContainsFunc(r.Lag(), func(l consume.Lag) bool { return l.Records >= 3 && l.Seconds > 0.5 })
	})
	away.Delete("c-1")
	s.await("it goes on when the trouble is over", func() bool { return slices.Equal(of("c-1", r.events()), story("c-1", 3)) })
}

func partitionOf(key string) int32 {
	p, _ := sarama.NewMurmur2Partitioner("").Partition(&sarama.ProducerMessage{Key: sarama.StringEncoder(key)}, 4)
	return p
}

func TestAHandlerInTroubleDoesNotKeepItsMemberFromLeaving(t *testing.T) {
	s := set(t)
	tried := make(chan struct{}, 1)
	r := s.member(nil, func(c *consume.Config) { c.Grace = 10 * time.Millisecond }, func(consume.Meta) error {
		select {
		case tried <- struct{}{}:
		default:
		}
		return errors.New("the database is away")
	})
	s.tell("c-1", 1)
	<-tried
	r.stop()
	next := s.member(nil, nil, nil)
	s.await("the next member gets the event", func() bool { return slices.Equal(next.events(), []string{"c-1 1"}) })
}

func TestBadRecordsGoToTheDeadLettersWithTheirReason(t *testing.T) {
	s := set(t)
	r := s.member(nil, nil, nil)
	s.put("c-1", []byte("\xff\xff"), "busyhour.routing.contact.noted.v1", "contact:c-1", 1)
	s.put("c-1", make([]byte, 1_000_000), "busyhour.routing.contact.noted.v1", "contact:c-1", 1)
	s.put("c-1", nil, "com.example.other", "contact:c-1", 1)
	s.tell("c-1", 2)
	s.await("the good one behind them", func() bool { return slices.Equal(r.events(), []string{"c-1 2"}) })
	for i, letter := range s.read(letters, 3) {
		headers := map[string]string{}
		for _, h := range letter.Headers {
			headers[string(h.Key)] = string(h.Value)
		}
		if want := []string{"MALFORMED: ", "TOO_LARGE: ", "TYPE_UNKNOWN: "}[i]; !strings.HasPrefix(headers["dead-letter-reason"], want) {
			t.Errorf("letter %d: reason %q, want %s…", i, headers["dead-letter-reason"], want)
		}
		if string(letter.Key) != "c-1" || headers["dead-letter-topic"] != topics.ContactEvents || headers["ce_subject"] != "contact:c-1" {
			t.Errorf("letter %d: key %s, headers %v", i, letter.Key, headers)
		}
	}
}

func (s *stage) read(topic string, n int) (all []*sarama.ConsumerMessage) {
	s.Helper()
	c, err := sarama.NewConsumer(s.brokers, consume.Settings())
	must(s.T, err)
	defer c.Close()
	p, err := c.ConsumePartition(topic, 0, sarama.OffsetOldest)
	must(s.T, err)
	defer p.Close()
	late := time.After(30 * time.Second)
	for len(all) < n {
		select {
		case m := <-p.Messages():
			all = append(all, m)
		case <-late:
			s.Fatalf("%s has %d records, want %d", topic, len(all), n)
		}
	}
	return all
}
