package job

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// ReadJSONLines reads items, one on each line as the APIs' JSON has it. Their kinds may be written short. Blank lines do
// not count. It reads on after an error, so that all bad lines are named at once; the error that it returns is r's.
//
//	{"kind": "upsert_agent", "agent": {"id": "ann", "name": "Ann Lee", "queueIds": ["support"]}}
//	{"kind": "KIND_DELETE_AGENT", "agent": {"id": "bob"}}
func ReadJSONLines(r io.Reader, most Limits) (*Import, error) {
	j := jsonReader{im: newImport(), lines: bufio.NewReaderSize(&capped{r, most.Bytes}, longestLine), most: most}
	if encoded(j.im, j.lines) {
		if err := j.read(); err != nil {
			return nil, err
		}
	}
	return j.im, nil
}

// encoded passes over a byte order mark, and refuses what no reader here can read.
func encoded(im *Import, r *bufio.Reader) bool {
	begin, _ := r.Peek(3) // what hinders it hinders the next read, too
	switch {
	case bytes.HasPrefix(begin, []byte("\xff\xfe")), bytes.HasPrefix(begin, []byte("\xfe\xff")):
		im.wrong(1, "", "the file is UTF-16: save it as UTF-8")
		return false
	case bytes.Equal(begin, []byte("\xef\xbb\xbf")):
		_, _ = r.Discard(len(begin)) // it was peeked at
	}
	return true
}

type jsonReader struct {
	im    *Import
	lines *bufio.Reader
	most  Limits
}

func (j *jsonReader) read() error {
	for line := 1; ; line++ {
		text, err := j.lines.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = j.lines.ReadSlice('\n')
		}
		ended := errors.Is(err, io.EOF)
		switch {
		case errors.Is(err, errTooLong):
			j.im.stop(line, "the file has more than %d bytes: split it", j.most.Bytes)
			return nil
		case err != nil && !ended:
			return err
		case long:
			j.im.Read++
			j.im.wrong(line, "", "has more than %d bytes: is a line break missing?", longestLine)
		case !j.line(line, bytes.TrimSpace(text)):
			return nil
		}
		if ended {
			break
		}
	}
	if j.im.Read == 0 {
		j.im.wrong(1, "", "there is no item: each line is one, such as %s", example)
	}
	return nil
}

const example = `{"kind": "upsert_agent", "agent": {"id": "ann", "name": "Ann"}}`

// line reads one, and reports whether to read on.
func (j *jsonReader) line(line int, text []byte) bool {
	switch {
	case len(text) == 0:
		return true
	case j.im.Read == j.most.Items:
		j.im.stop(line, "the file has more than %d items: split it", j.most.Items)
		return false
	case j.im.Read == 0 && text[0] == '[':
		j.im.wrong(line, "", "a list begins here: write each item on a line of its own, such as %s, with no commas between", example)
		return false
	}
	j.im.Read++
	it := &provisioningv1.Item{}
	if err := protojson.Unmarshal(longKind(text), it); err != nil {
		j.im.wrong(line, "", "%s", plain(err))
		return true
	}
	j.im.take(line, it)
	return true
}

// longKind writes a kind that is written short as the API has it: of "upsert_agent" it makes "KIND_UPSERT_AGENT".
// Whatever it cannot read it leaves to whom it concerns.
func longKind(text []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return text
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return text
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return text
		}
		if key == "kind" {
			return withKind(text, value, int(d.InputOffset()))
		}
	}
	return text
}

func withKind(text []byte, value json.RawMessage, end int) []byte {
	var kind string
	if json.Unmarshal(value, &kind) != nil {
		return text
	}
	long := "KIND_" + strings.ToUpper(kind)
	if _, known := provisioningv1.Item_Kind_value[long]; !known {
		return text
	}
	return bytes.Join([][]byte{text[:end-len(value)], []byte(`"` + long + `"`), text[end:]}, nil)
}

// preamble of protobuf's errors; it has now this blank and now another, so that nobody relies on it. The place that it
// names is not the file's.
var preamble = regexp.MustCompile(`^proto:\s*[\x{a0}\s]*(syntax error )?(\(line \d+:\d+\): )?`)

// plain is the error in words for those who have written the line.
func plain(err error) string {
	text := preamble.ReplaceAllString(err.Error(), "")
	if text == "unexpected EOF" {
		return "the line ends before its object does"
	}
	return strings.ToValidUTF8(text, "�")
}
