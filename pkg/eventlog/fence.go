package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// MarkerType is the CloudEvents type of a marker.
const MarkerType = "busyhour.epoch.v1"

// Marker ends the reigns before its epoch: behind it, in its partition, events of its tenants with a lower epoch count
// for nothing. It is also what stands in the epoch topic, where the epoch follows from the offset.
type Marker struct {
	Tenants []string `json:"tenants"`
	Epoch   uint32   `json:"epoch,omitempty"`
	Floor   uint32   `json:"floor,omitempty"`
	Nonce   string   `json:"nonce"`
	// Ends names, by tenant, the epoch of the open reign that this take ends, as far as the taker knows of one.
	Ends map[string]uint32 `json:"ends,omitempty"`
	// Hand says that a person asked for it.
	Hand bool `json:"hand,omitempty"`
}

// ParseMarker reads a marker; ok says whether the message is one at all.
func ParseMarker(m Message) (marker Marker, ok bool, err error) {
	if m.Header(HeaderType) != MarkerType {
		return Marker{}, false, nil
	}
	if err := json.Unmarshal(m.Value, &marker); err != nil {
		return Marker{}, true, fmt.Errorf("marker at %s/%d offset %d: %w", m.Topic, m.Partition, m.Offset, err)
	}
	return marker, true, nil
}

// id is no other marker's.
func (m Marker) id() string { return fmt.Sprintf("epoch/%d/%s", m.Epoch, m.Nonce) }

func (m Marker) message(topic string, key []byte) Message {
	value, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return Message{Topic: topic, Key: key, Value: value, Headers: []Header{
		{HeaderSpecVersion, "1.0"},
		{HeaderID, m.id()},
		{HeaderSource, source + "epochs"},
		{HeaderType, MarkerType},
		{HeaderContentType, "application/json"},
		{HeaderDataSchema, "urn:busyhour:json:" + MarkerType},
	}}
}

// FloorKey is the key of a tenant's floor in a compacted topic.
func FloorKey(tenant string) string { return "epoch/" + tenant }

// FloorMessage is the marker for one of its tenants alone, to be kept in a compacted topic: there the latest of each tenant
// stays, and a Voider that is given it knows what was void before.
func (m Marker) FloorMessage(topic, tenant string) Message {
	m.Tenants = []string{tenant}
	return m.message(topic, []byte(FloorKey(tenant)))
}

// Fence is a marker for every partition of a topic.
type Fence struct {
	Topic string
	// Least is how many partitions the topic has at least, as far as the caller knows better than some broker.
	Least  int32
	Marker Marker
}

// leastWait is how long a broker may take to hear of partitions that others know.
const leastWait = 10 * time.Second

// FenceTopic puts a marker into every partition of an events topic and returns their offsets: ends[partition] is where
// the marker stands. A reader that goes up to there and heeds the markers has all that will ever count of the lower
// epochs. What the topic grows by meanwhile gets its markers from whoever lets it grow.
func FenceTopic(ctx context.Context, p *Producer, f Fence) (ends []int64, err error) {
	partitions, err := p.atLeast(ctx, f.Topic, f.Least)
	if err != nil {
		return nil, fmt.Errorf("fence %s: how many partitions it has: %w", f.Topic, err)
	}
	return p.mark(ctx, f.Topic, 0, partitions, f.Marker)
}

// atLeast waits until the brokers know of so many partitions, and gives how many there are.
func (p *Producer) atLeast(ctx context.Context, topic string, least int32) (int32, error) {
	ctx, cancel := context.WithTimeout(ctx, leastWait)
	defer cancel()
	for {
		have, err := countOf(p.client, topic)
		if err != nil || have >= least {
			return have, err
		}
		select {
		case <-time.After(knownLook):
		case <-ctx.Done():
			return 0, fmt.Errorf("the brokers say %d, it has %d: %w", have, least, context.Cause(ctx))
		}
	}
}

// mark puts a marker into the partitions from..to-1 and returns where they stand.
func (p *Producer) mark(ctx context.Context, topic string, from, to int32, marker Marker) (ends []int64, err error) {
	type outcome struct {
		partition int32
		offset    int64
		err       error
	}
	outcomes := make(chan outcome, to-from)
	// A compacted topic takes no record without a key, and would drop a marker whose key comes again.
	for partition := from; partition < to; partition++ {
		p.produce(marker.message(topic, []byte(marker.id())), partition, func(_ int32, offset int64, err error) {
			outcomes <- outcome{partition, offset, err}
		})
	}
	ends = make([]int64, to-from)
	var errs []error
	for range ends {
		select {
		case o := <-outcomes:
			if o.err != nil {
				errs = append(errs, fmt.Errorf("fence %s/%d: %w", topic, o.partition, o.err))
				continue
			}
			ends[o.partition-from] = o.offset
		case <-ctx.Done():
			return nil, fmt.Errorf("fence %s: not every partition took its marker in time: %w", topic, context.Cause(ctx))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return ends, nil
}
