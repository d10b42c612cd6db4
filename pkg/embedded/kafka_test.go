package embedded

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestKafkaKeepsTopicsRecordsAndOffsetsInItsDataDirectory(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	k, err := StartKafka(t.TempDir(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	createTopic(t, ctx, k.Addr, "orders")
	produce(t, ctx, k.Addr, "orders", "first", "second")
	if got := consume(t, ctx, k.Addr, "orders", 1); got[0] != "first" {
		t.Fatalf("read %q before the restart, want first", got)
	}

	addr := k.Addr
	k.Stop()
	if err := k.Start(); err != nil {
		t.Fatal(err)
	}
	if k.Addr != addr {
		t.Fatalf("address went from %s to %s over a restart", addr, k.Addr)
	}
	if got := consume(t, ctx, k.Addr, "orders", 1); got[0] != "second" {
		t.Fatalf("the group reads %q after the restart, want second: its offset was lost", got)
	}
}

func TestKafkaMakesNoTopicByItself(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	k, err := StartKafka("", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	c := client(t, k.Addr, kgo.UnknownTopicRetries(0), kgo.AllowAutoTopicCreation())
	if err := c.ProduceSync(ctx, &kgo.Record{Topic: "nobody-made-this", Value: []byte("x")}).FirstErr(); err == nil {
		t.Fatal("a record was taken for a topic that nobody created")
	}
}

func client(t *testing.T, addr string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(options, kgo.SeedBrokers(addr))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func createTopic(t *testing.T, ctx context.Context, addr, name string) {
	t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 1, 1
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics = append(request.Topics, topic)
	if _, err := request.RequestWith(ctx, client(t, addr)); err != nil {
		t.Fatal(err)
	}
}

func produce(t *testing.T, ctx context.Context, addr, topic string, values ...string) {
	t.Helper()
	c := client(t, addr)
	for _, v := range values {
		if err := c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// consume reads n records as a member of the group and commits them.
func consume(t *testing.T, ctx context.Context, addr, topic string, n int) []string {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumerGroup("readers"), kgo.ConsumeTopics(topic),
		kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var values []string
	for len(values) < n {
		fetches := c.PollRecords(ctx, n-len(values))
		if err := fetches.Err0(); err != nil {
			t.Fatal(err)
		}
		for _, r := range fetches.Records() {
			values = append(values, string(r.Value))
			if err := c.CommitRecords(ctx, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	return values
}
