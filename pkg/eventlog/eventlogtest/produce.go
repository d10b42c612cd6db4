package eventlogtest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

func keyOrder(t *testing.T, h harness) {
	const keys, each = 50, 40
	topic, p := h.topic("order", 4), h.producer()
	var sent sync.WaitGroup
	for n := range each {
		for k := range keys {
			sent.Add(1)
			p.Produce(eventlog.Message{Topic: topic, Key: fmt.Appendf(nil, "key-%d", k), Value: fmt.Append(nil, n)}, func(err error) {
				if err != nil {
					t.Error(err)
				}
				sent.Done()
			})
		}
	}
	sent.Wait()
	partitionOf, next := map[string]int32{}, map[string]int{}
	for _, messages := range h.read(topic, 4) {
		for _, m := range messages {
			key := string(m.Key)
			if was, seen := partitionOf[key]; seen && was != m.Partition {
				t.Fatalf("%s is on partitions %d and %d", key, was, m.Partition)
			}
			partitionOf[key] = m.Partition
			if want := fmt.Sprint(next[key]); string(m.Value) != want {
				t.Fatalf("%s: read %s, want %s next", key, m.Value, want)
			}
			next[key]++
		}
	}
	for k := range keys {
		if key := fmt.Sprintf("key-%d", k); next[key] != each {
			t.Errorf("%s: read %d messages, want %d", key, next[key], each)
		}
	}
}

func acknowledgedIsRead(t *testing.T, h harness) {
	const writers, each = 8, 100
	topic, p := h.topic("acked", 3), h.producer()
	var mu sync.Mutex
	acked := map[string]bool{}
	var all sync.WaitGroup
	for w := range writers {
		for n := range each {
			all.Add(1)
			go p.Produce(eventlog.Message{Topic: topic, Key: fmt.Append(nil, w), Value: fmt.Appendf(nil, "%d/%d", w, n)}, func(err error) {
				defer all.Done()
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				acked[fmt.Sprintf("%d/%d", w, n)] = true
			})
		}
	}
	all.Wait()
	for _, messages := range h.read(topic, 3) {
		for _, m := range messages {
			delete(acked, string(m.Value))
		}
	}
	if len(acked) > 0 {
		t.Errorf("%d acknowledged messages can't be read: %v", len(acked), acked)
	}
}

func tooLarge(t *testing.T, h harness) {
	topic, p := h.topic("large", 1), h.producer()
	outcome := make(chan error, 1)
	p.Produce(eventlog.Message{Topic: topic, Value: []byte(strings.Repeat("x", 2<<20))}, func(err error) { outcome <- err })
	h.send(p, eventlog.Message{Topic: topic, Value: []byte("small")})
	if err := receive(h, outcome, "the outcome of the large message"); err == nil {
		t.Error("a message of 2 MiB was acknowledged")
	}
	if got := h.read(topic, 1)[0]; len(got) != 1 || string(got[0].Value) != "small" {
		t.Errorf("read %d messages, want the small one", len(got))
	}
}

func deadLetter(t *testing.T, h harness) {
	topic, dead, p := h.topic("original", 1), h.topic("dead-letter", 1), h.producer()
	h.send(p, eventlog.Message{Topic: topic, Key: []byte("k"), Value: []byte{0xff, 0x00}, Headers: []eventlog.Header{{Key: "a", Value: "1"}}})
	original := h.read(topic, 1)[0][0]
	h.send(p, eventlog.DeadLetter(dead, original, "not a protobuf"))
	got := h.read(dead, 1)[0][0]
	if string(got.Key) != "k" || string(got.Value) != "\xff\x00" || got.Header("a") != "1" {
		t.Errorf("the original is not in the dead letter: %+v", got)
	}
	for header, want := range map[string]string{
		eventlog.HeaderDeadLetterReason:    "not a protobuf",
		eventlog.HeaderDeadLetterTopic:     topic,
		eventlog.HeaderDeadLetterPartition: "0",
		eventlog.HeaderDeadLetterOffset:    "0",
	} {
		if got.Header(header) != want {
			t.Errorf("%s is %q, want %q", header, got.Header(header), want)
		}
	}
	if got.Header(eventlog.HeaderDeadLetterTime) == "" {
		t.Errorf("%s is missing", eventlog.HeaderDeadLetterTime)
	}
}
