package commit

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

// entry is one element of a record's outbox: a message for the log and the revision that it tells of.
type entry struct {
	revision Revision
	message  eventlog.Message
	// decided is when it was committed: by this pod's clock if this pod did it, else as the event says.
	decided time.Time
}

var errEntry = errors.New("outbox entry is not in the form that this version writes")

// encode gives "<revision>\n" and then topic, key, value and headers, each behind its length. The revision stands in
// front in decimals because drained.lua reads it.
func (e entry) encode() string {
	m := e.message
	b := make([]byte, 0, 64+len(m.Key)+len(m.Value)+48*len(m.Headers))
	b = strconv.AppendUint(b, e.revision.Number(), 10)
	b = append(b, '\n')
	b = appendField(b, m.Topic)
	b = appendField(b, string(m.Key))
	b = appendField(b, string(m.Value))
	for _, h := range m.Headers {
		b = appendField(b, h.Key)
		b = appendField(b, h.Value)
	}
	return string(b)
}

func appendField(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func decodeEntry(s string) (entry, error) {
	number, rest, ok := strings.Cut(s, "\n")
	revision, err := strconv.ParseUint(number, 10, 64)
	if !ok || err != nil {
		return entry{}, errEntry
	}
	var fields []string
	for len(rest) > 0 {
		n, w := binary.Uvarint([]byte(rest[:min(len(rest), binary.MaxVarintLen64)]))
		if w <= 0 || n > uint64(len(rest)-w) {
			return entry{}, errEntry
		}
		fields = append(fields, rest[w:w+int(n)])
		rest = rest[w+int(n):]
	}
	if len(fields) < 3 || len(fields)%2 == 0 {
		return entry{}, errEntry
	}
	e := entry{revision: RevisionOf(revision), message: eventlog.Message{
		Topic: fields[0], Key: []byte(fields[1]), Value: []byte(fields[2]),
	}}
	for i := 3; i < len(fields); i += 2 {
		e.message.Headers = append(e.message.Headers, eventlog.Header{Key: fields[i], Value: fields[i+1]})
	}
	e.decided, _ = time.Parse(time.RFC3339Nano, e.message.Header(eventlog.HeaderTime))
	return e, nil
}
