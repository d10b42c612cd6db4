package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// fetchBytes is how much one fetch asks for; a batch that is bigger comes whole nevertheless.
const fetchBytes = 4 << 20

var errOutOfRange = errors.New("the log does not reach there")

// cursor reads one partition by plain fetches. Unlike sarama's consumer it says how far it got where there is nothing to
// hand over: behind a transaction's marker, in a hole that compaction left, at the end. It belongs to one goroutine.
type cursor struct {
	client    sarama.Client
	topic     string
	partition int32
	next      int64 // the offset to be read next
	dirty     bool  // reads also what stands in transactions that are open or given up
}

// ends are the offsets behind the last record.
type ends struct {
	stable int64 // that a reader of committed records may see: an open transaction holds it back
	high   int64 // that is safe
}

// fetch reads what stands from next on, and moves next behind it. It waits up to wait for something to come.
func (c *cursor) fetch(wait time.Duration) ([]Message, ends, error) {
	broker, epoch, err := c.client.LeaderAndEpoch(c.topic, c.partition)
	if err != nil {
		return nil, ends{}, err
	}
	request := &sarama.FetchRequest{
		Version:      11,
		MaxWaitTime:  int32(wait.Milliseconds()),
		MinBytes:     1,
		MaxBytes:     fetchBytes,
		Isolation:    sarama.ReadCommitted,
		SessionEpoch: -1, // no fetch session
	}
	if c.dirty {
		request.Isolation = sarama.ReadUncommitted
	}
	request.AddBlock(c.topic, c.partition, c.next, fetchBytes, epoch)
	response, err := broker.Fetch(request)
	if err != nil {
		_ = broker.Close() // the next LeaderAndEpoch opens it again
		return nil, ends{}, err
	}
	block := response.GetBlock(c.topic, c.partition)
	switch {
	case block == nil:
		return nil, ends{}, sarama.ErrIncompleteResponse
	case errors.Is(block.Err, sarama.ErrOffsetOutOfRange):
		return nil, ends{}, errOutOfRange
	case !errors.Is(block.Err, sarama.ErrNoError):
		return nil, ends{}, block.Err
	}
	if c.dirty {
		block.LastStableOffset = block.HighWaterMarkOffset
	}
	messages, err := c.take(block)
	return messages, ends{stable: block.LastStableOffset, high: block.HighWaterMarkOffset}, err
}

// take moves next over the batches of a response and returns the records that count.
func (c *cursor) take(block *sarama.FetchResponseBlock) ([]Message, error) {
	before := c.next
	aborted := newAborted(block.AbortedTransactions)
	var messages []Message
	for _, records := range block.RecordsSet {
		batch := records.RecordBatch
		if batch == nil {
			return nil, fmt.Errorf("%s/%d has records in the format of Kafka before 0.11 at offset %d", c.topic, c.partition, c.next)
		}
		if batch.PartialTrailingRecord {
			break
		}
		if !aborted.hides(batch) && !batch.Control {
			messages = c.appendRecords(messages, batch)
		}
		c.next = max(c.next, batch.LastOffset()+1)
	}
	// A batch that compaction emptied is kept for its producer's sake, and sarama leaves it out of the response. There
	// is nothing in it, so one step at a time leads over it.
	if c.next == before && before < block.LastStableOffset {
		c.next++
	}
	return messages, nil
}

func (c *cursor) appendRecords(messages []Message, batch *sarama.RecordBatch) []Message {
	for _, r := range batch.Records {
		offset := batch.FirstOffset + r.OffsetDelta
		if offset < c.next {
			continue // a batch comes whole, also when the middle of it was asked for
		}
		at := batch.FirstTimestamp.Add(r.TimestampDelta)
		if batch.LogAppendTime {
			at = batch.MaxTimestamp
		}
		messages = append(messages, Message{
			Topic: c.topic, Key: r.Key, Value: r.Value, Headers: headersOf(r.Headers),
			Partition: c.partition, Offset: offset, Time: at,
		})
	}
	return messages
}

func headersOf(records []*sarama.RecordHeader) []Header {
	headers := make([]Header, len(records))
	for i, h := range records {
		key, known := ourKeys[string(h.Key)]
		if !known {
			key = string(h.Key)
		}
		headers[i] = Header{Key: key, Value: string(h.Value)}
	}
	return headers
}

// ourKeys are the keys of our own headers, so that a long read does not make each of them a million times.
var ourKeys = func() map[string]string {
	keys := map[string]string{}
	for _, key := range []string{
		HeaderSpecVersion, HeaderID, HeaderSource, HeaderType, HeaderSubject, HeaderTime, HeaderTenant, HeaderRevision, HeaderOp,
		HeaderContentType, HeaderTraceParent,
	} {
		keys[key] = key
	}
	return keys
}()

// aborted follows the transactions that were given up, through the batches of one response.
type aborted struct {
	coming []*sarama.AbortedTransaction // by first offset
	open   map[int64]bool               // producers inside one
}

func newAborted(transactions []*sarama.AbortedTransaction) *aborted {
	coming := slices.Clone(transactions)
	slices.SortFunc(coming, func(a, b *sarama.AbortedTransaction) int { return int(a.FirstOffset - b.FirstOffset) })
	return &aborted{coming: coming, open: map[int64]bool{}}
}

// hides reports whether a batch belongs to a transaction that was given up. Batches come in the order of the log.
func (a *aborted) hides(batch *sarama.RecordBatch) bool {
	for len(a.coming) > 0 && a.coming[0].FirstOffset <= batch.LastOffset() {
		a.open[a.coming[0].ProducerID] = true
		a.coming = a.coming[1:]
	}
	if batch.Control && isAbort(batch) {
		delete(a.open, batch.ProducerID)
	}
	return batch.IsTransactional && a.open[batch.ProducerID]
}

// isAbort reads a control batch: the key of its one record is version and type, and type 0 gives a transaction up.
func isAbort(batch *sarama.RecordBatch) bool {
	if len(batch.Records) != 1 || len(batch.Records[0].Key) < 4 {
		return false
	}
	return binary.BigEndian.Uint16(batch.Records[0].Key[2:4]) == 0
}

// offsetAt asks the leader for the oldest or the newest offset (sarama.OffsetOldest, sarama.OffsetNewest). With committed,
// the newest is what a reader of committed records may see.
func offsetAt(client sarama.Client, topic string, partition int32, which int64, committed bool) (int64, error) {
	broker, err := client.Leader(topic, partition)
	if err != nil {
		return 0, err
	}
	request := sarama.NewOffsetRequest(client.Config().Version)
	if committed {
		request.IsolationLevel = sarama.ReadCommitted
	}
	request.AddBlock(topic, partition, which, 1)
	response, err := broker.GetAvailableOffsets(request)
	if err != nil {
		_ = broker.Close()
		return 0, err
	}
	block := response.GetBlock(topic, partition)
	switch {
	case block == nil:
		return 0, sarama.ErrIncompleteResponse
	case !errors.Is(block.Err, sarama.ErrNoError):
		return 0, block.Err
	case len(block.Offsets) != 1:
		return 0, sarama.ErrIncompleteResponse
	}
	return block.Offsets[0], nil
}
