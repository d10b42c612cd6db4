package eventlog

import (
	"slices"
	"strconv"
	"time"
)

// Headers that a dead letter has beside those of the original.
const (
	HeaderDeadLetterReason    = "dead-letter-reason"
	HeaderDeadLetterTopic     = "dead-letter-topic"
	HeaderDeadLetterPartition = "dead-letter-partition"
	HeaderDeadLetterOffset    = "dead-letter-offset"
	HeaderDeadLetterTime      = "dead-letter-time"
)

// DeadLetter is the message that puts m into a dead-letter topic: key, value and headers as they were, and beside them
// why, and where and when it stood. With that it can be put back once the reason is mended.
func DeadLetter(topic string, m Message, reason string) Message {
	return Message{
		Topic: topic,
		Key:   m.Key,
		Value: m.Value,
		Headers: append(slices.Clone(m.Headers),
			Header{HeaderDeadLetterReason, reason},
			Header{HeaderDeadLetterTopic, m.Topic},
			Header{HeaderDeadLetterPartition, strconv.Itoa(int(m.Partition))},
			Header{HeaderDeadLetterOffset, strconv.FormatInt(m.Offset, 10)},
			Header{HeaderDeadLetterTime, m.Time.UTC().Format(time.RFC3339Nano)},
		),
	}
}
