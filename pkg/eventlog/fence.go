package eventlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// FenceTopic puts a marker into every partition of an events topic and returns their offsets: ends[partition] is where
// the marker stands. A reader that goes up to there and heeds the markers has all that will ever count of the lower
// epochs. The topic must not grow meanwhile: growth and recovery exclude each other.
func FenceTopic(ctx context.Context, _ Config, p *Producer, topic string, tenants []string, epoch uint32, nonce string) (ends []int64, err error) {
	if err := p.client.RefreshMetadata(topic); err != nil {
		return nil, fmt.Errorf("fence %s: how many partitions it has: %w", topic, err)
	}
	partitions, err := p.client.Partitions(topic)
	if err != nil {
		return nil, fmt.Errorf("fence %s: how many partitions it has: %w", topic, err)
	}
	marker := Marker{Tenants: tenants, Epoch: epoch, Nonce: nonce}
	type outcome struct {
		partition int32
		offset    int64
		err       error
	}
	outcomes := make(chan outcome, len(partitions))
	// A compacted topic takes no record without a key, and would drop a marker whose key comes again.
	for _, partition := range partitions {
		p.produce(marker.message(topic, []byte(marker.id())), partition, func(_ int32, offset int64, err error) {
			outcomes <- outcome{partition, offset, err}
		})
	}
	ends = make([]int64, len(partitions))
	var errs []error
	for range partitions {
		select {
		case o := <-outcomes:
			if o.err != nil {
				errs = append(errs, fmt.Errorf("fence %s/%d: %w", topic, o.partition, o.err))
				continue
			}
			ends[o.partition] = o.offset
		case <-ctx.Done():
			return nil, fmt.Errorf("fence %s: not every partition took its marker in time: %w", topic, context.Cause(ctx))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return ends, nil
}
