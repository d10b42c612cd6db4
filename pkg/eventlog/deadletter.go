package eventlog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Headers that a dead letter has beside those of the original.
const (
	HeaderDeadLetterReason    = "dead-letter-reason"
	HeaderDeadLetterTopic     = "dead-letter-topic"
	HeaderDeadLetterPartition = "dead-letter-partition"
	HeaderDeadLetterOffset    = "dead-letter-offset"
	HeaderDeadLetterTime      = "dead-letter-time"
	// HeaderDeadLetterCut says what of the original did not fit; it is absent if all did.
	HeaderDeadLetterCut = "dead-letter-cut"
)

const (
	// Kafka takes 1 MiB. An original of almost that has to fit with what is added to it, or it could never be put away
	// and would stop its partition.
	deadLetterLimit = 1_000_000
	// reasonLimit also bounds what is kept of a key when the original is too large without its value.
	reasonLimit = 4096
)

// DeadLetter is the message that puts m into a dead-letter topic: key, value and headers as they were, and beside them
// why, and where and when it stood. With that it can be put back once the reason is mended.
func DeadLetter(topic string, m Message, reason string) Message {
	letter := Message{Topic: topic, Key: m.Key, Value: m.Value, Headers: slices.Clone(m.Headers)}
	var cut []string
	if size := sizeWithoutValue(m); size > deadLetterLimit {
		cut = append(cut, fmt.Sprintf("key and %d headers of %d bytes", len(m.Headers), size))
		letter.Key, letter.Headers = m.Key[:min(len(m.Key), reasonLimit)], nil
	}
	if room := deadLetterLimit - sizeWithoutValue(letter); len(m.Value) > room {
		cut = append(cut, fmt.Sprintf("value of %d bytes", len(m.Value)))
		letter.Value = m.Value[:room]
	}
	letter.Headers = append(letter.Headers,
		Header{HeaderDeadLetterReason, reason[:min(len(reason), reasonLimit)]},
		Header{HeaderDeadLetterTopic, m.Topic},
		Header{HeaderDeadLetterPartition, strconv.Itoa(int(m.Partition))},
		Header{HeaderDeadLetterOffset, strconv.FormatInt(m.Offset, 10)},
		Header{HeaderDeadLetterTime, m.Time.UTC().Format(time.RFC3339Nano)},
	)
	if len(cut) > 0 {
		letter.Headers = append(letter.Headers, Header{HeaderDeadLetterCut, strings.Join(cut, ", ")})
	}
	return letter
}

func sizeWithoutValue(m Message) int {
	size := len(m.Key)
	for _, h := range m.Headers {
		size += len(h.Key) + len(h.Value) + 10 // their lengths
	}
	return size
}
