package eventlogtest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

func readRange(t *testing.T, h harness) {
	topic, p := h.topic("range", 2), h.producer()
	for n := range 10 {
		for partition := range int32(2) {
			done := make(chan error, 1)
			p.ProduceTo(eventlog.Message{Topic: topic, Value: fmt.Append(nil, n)}, partition, func(err error) { done <- err })
			if err := receive(h, done, "an acknowledgement"); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := make([]string, 2)
	err := eventlog.ReadTopic(h.ctx, h.cfg, topic, []int64{3, 10}, []int64{5, 9}, func(m eventlog.Message) error {
		got[m.Partition] += string(m.Value)
		return nil
	})
	if err != nil || got[0] != "345" || got[1] != "" {
		t.Errorf("read %q and %v, want 345 of the first partition and nothing of the second", got, err)
	}
	done := make(chan error, 1)
	p.ProduceTo(eventlog.Message{Topic: topic}, 7, func(err error) { done <- err })
	if err := receive(h, done, "the outcome"); err == nil {
		t.Error("a message for a partition that is not there was acknowledged")
	}
}

func readTransactions(t *testing.T, h harness) {
	topic := h.topic("transactions", 1)
	conf := sarama.NewConfig()
	conf.Version = sarama.V3_6_0_0
	conf.Producer.Idempotent = true
	conf.Producer.RequiredAcks = sarama.WaitForAll
	conf.Net.MaxOpenRequests = 1
	conf.Producer.Transaction.ID = h.name("writer")
	conf.Producer.Return.Successes = true
	p, err := sarama.NewSyncProducer(h.cfg.Brokers, conf)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	transaction := func(end func() error, values ...string) {
		t.Helper()
		h.must(nil, p.BeginTxn())
		for _, v := range values {
			_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(v)})
			h.must(nil, err)
		}
		h.must(nil, end())
	}
	transaction(p.CommitTxn, "a", "b")
	transaction(p.AbortTxn, "void", "void")
	transaction(p.CommitTxn, "c")
	transaction(p.AbortTxn, "void")
	var got []string
	for _, m := range h.read(topic, 1)[0] {
		got = append(got, string(m.Value))
	}
	if strings.Join(got, "") != "abc" {
		t.Errorf("read %q, want a, b, c", got)
	}
}

func readBeforeStart(t *testing.T, h harness) {
	topic, p := h.topic("trimmed", 1), h.producer()
	for n := range 5 {
		h.send(p, eventlog.Message{Topic: topic, Value: fmt.Append(nil, n)})
	}
	admin, err := sarama.NewClusterAdmin(h.cfg.Brokers, sarama.NewConfig())
	h.must(nil, err)
	defer admin.Close()
	h.must(nil, admin.DeleteRecords(topic, map[int32]int64{0: 3}))
	err = eventlog.ReadTopic(h.ctx, h.cfg, topic, []int64{1}, nil, func(eventlog.Message) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "begins at 3") {
		t.Errorf("reading from offset 1 of a log that begins at 3 gave %v", err)
	}
	if got := h.read(topic, 1)[0]; len(got) != 2 {
		t.Errorf("read %d messages from the start, want 2", len(got))
	}
}

func readError(t *testing.T, h harness) {
	topic, p := h.topic("error", 1), h.producer()
	h.send(p, eventlog.Message{Topic: topic}, eventlog.Message{Topic: topic})
	enough, calls := errors.New("enough"), 0
	err := eventlog.ReadTopic(h.ctx, h.cfg, topic, nil, nil, func(eventlog.Message) error { calls++; return enough })
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("got %v after %d calls, want the reader's error after 1", err, calls)
	}
	err = eventlog.ReadTopic(h.ctx, h.cfg, h.name("nowhere"), nil, nil, nil)
	if err == nil {
		t.Error("a topic that is not there was read")
	}
}
