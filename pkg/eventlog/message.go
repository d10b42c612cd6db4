package eventlog

import "time"

// Header is one Kafka record header.
type Header struct{ Key, Value string }

// Message is one Kafka record.
type Message struct {
	Topic   string
	Key     []byte
	Value   []byte // nil is a tombstone
	Headers []Header

	// Partition and Offset are set on messages that were read.
	Partition int32
	Offset    int64
	// Time is the record's timestamp; zero on a message to be written means now.
	Time time.Time
}

// Header returns the value of the first header with that key, or "".
func (m *Message) Header(key string) string {
	for _, h := range m.Headers {
		if h.Key == key {
			return h.Value
		}
	}
	return ""
}
