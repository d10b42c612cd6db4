package eventlog

import (
	"strings"
	"testing"
)

func TestDeadLetterFitsWhateverTheOriginalHas(t *testing.T) {
	huge := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		original Message
		cut      string
	}{
		"small":         {Message{Key: []byte("k"), Value: []byte("v")}, ""},
		"tombstone":     {Message{Key: []byte("k")}, ""},
		"large value":   {Message{Key: []byte("k"), Value: []byte(huge)}, "value of 1048576 bytes"},
		"large key":     {Message{Key: []byte(huge), Value: []byte("v")}, "key and 0 headers of 1048576 bytes"},
		"large header":  {Message{Key: []byte("k"), Headers: []Header{{"a", huge}}}, "key and 1 headers of 1048588 bytes"},
		"all are large": {Message{Key: []byte(huge), Value: []byte(huge), Headers: []Header{{"a", huge}}}, "key and 1 headers of 2097163 bytes, value of 1048576 bytes"},
	} {
		letter := DeadLetter("dead", c.original, huge)
		if size := sizeWithoutValue(letter) + len(letter.Value); size > deadLetterLimit+10_000 {
			t.Errorf("%s: the dead letter has %d bytes", name, size)
		}
		if got := letter.Header(HeaderDeadLetterCut); got != c.cut {
			t.Errorf("%s: %s is %q, want %q", name, HeaderDeadLetterCut, got, c.cut)
		}
		if (letter.Value == nil) != (c.original.Value == nil) {
			t.Errorf("%s: a tombstone must stay one, and only a tombstone be one", name)
		}
	}
}
