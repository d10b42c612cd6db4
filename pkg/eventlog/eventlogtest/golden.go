package eventlogtest

import (
	"github.com/busyhour/busyhour/api/golden"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// Golden are messages as events to compare with the golden ones.
func Golden(messages ...eventlog.Message) (records []golden.Record) {
	for _, m := range messages {
		r := golden.Record{Topic: m.Topic, Key: string(m.Key), Value: m.Value, Headers: map[string]string{}}
		for _, h := range m.Headers {
			r.Headers[h.Key] = h.Value
		}
		records = append(records, r)
	}
	return records
}
