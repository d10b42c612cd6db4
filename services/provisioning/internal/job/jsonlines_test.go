package job

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

func jsonOf(t testing.TB, file []byte) *Import {
	t.Helper()
	im, err := ReadJSONLines(bytes.NewReader(file), InMessage)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func saysOfJSON(im *Import) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d read\n", im.Read)
	for _, e := range im.Errors {
		fmt.Fprintf(&b, "line %d %s: %s\n", e.GetLine(), e.GetColumn(), e.GetProblem())
	}
	for i, it := range im.Items {
		fmt.Fprintf(&b, "line %d: %s %s\n", im.Lines[i], it.GetKind(), Entity(it))
	}
	return b.String()
}

func TestJSONLines(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"kinds, long and short": {
			`{"kind":"KIND_UPSERT_AGENT","agent":{"id":"ann","name":"Ann"}}` + "\n" +
				`{"agent":{"id":"bob"},"kind":"delete_agent"}` + "\n" +
				`{"kind":"set_skills","agent":{"id":"cat","skills":[{"name":"english","level":80}]}}` + "\n" +
				`{"kind":"upsert_queue","queue":{"id":"ann","name":"Ann's","channel":"CHANNEL_VOICE","offerTimeout":"20s"}}` + "\n" +
				`{"kind":2,"agent":{"id":"dan"}}`,
			"5 read\nline 1: KIND_UPSERT_AGENT agent/ann\nline 2: KIND_DELETE_AGENT agent/bob\nline 3: KIND_SET_SKILLS agent/cat\n" +
				"line 4: KIND_UPSERT_QUEUE queue/ann\nline 5: KIND_DELETE_AGENT agent/dan\n",
		},
		"byte order mark, CRLF and blank lines": {
			"\xef\xbb\xbf\r\n{\"kind\":\"delete_agent\",\"agent\":{\"id\":\"ann\"}}\r\n\r\n  {\"kind\":\"delete_agent\",\"agent\":{\"id\":\"bob\"}}\r\n\n",
			"2 read\nline 2: KIND_DELETE_AGENT agent/ann\nline 4: KIND_DELETE_AGENT agent/bob\n",
		},
		"all errors at once": {
			`{"kind":"promote","agent":{"id":"ann"}}` + "\n" +
				`{"kind":"upsert_agent","agent":{"id":"bob"}}` + "\n" +
				`{"kind":"upsert_agent","agent":{"id":"cat","name":"Cat","nickname":"Kitty"}}` + "\n" +
				`{"kind":"delete_agent","kind":"delete_agent","agent":{"id":"dan"}}` + "\n" +
				`{"kind":"delete_agent","agent":{"id":"eve"}` + "\n" +
				"\n" +
				`{"agent":{"id":"fay"}}` + "\n" +
				`{"kind":"delete_agent","agent":{"id":"bob"}}` + "\n" +
				"ann\n" + `{"kind":"delete_agent","agent":{"id":"gus"}}`,
			"9 read\n" +
				`line 1 : invalid value for enum field kind: "promote"` + "\n" +
				"line 2 name: is missing\n" +
				`line 3 : unknown field "nickname"` + "\n" +
				`line 4 : duplicate field "kind"` + "\n" +
				"line 5 : the line ends before its object does\n" +
				"line 7 kind: is missing\n" +
				`line 8 id: "bob" stands on line 2 already` + "\n" +
				"line 9 : invalid value ann\n" +
				"line 10: KIND_DELETE_AGENT agent/gus\n",
		},
		"a list":     {"[\n{}\n]", "0 read\nline 1 : a list begins here: write each item on a line of its own, such as " + example + ", with no commas between\n"},
		"nothing":    {"\n\n", "0 read\nline 1 : there is no item: each line is one, such as " + example + "\n"},
		"UTF-16":     {"\xff\xfe{\x00", "0 read\nline 1 : the file is UTF-16: save it as UTF-8\n"},
		"Latin-1":    {"{\"kind\":\"delete_agent\",\"agent\":{\"id\":\"Ren\xe9\"}}", "1 read\nline 1 : invalid UTF-8 in string\n"},
		"a long one": {strings.Repeat("x", 2*longestLine) + "\n{\"kind\":\"delete_agent\",\"agent\":{\"id\":\"ann\"}}", "2 read\nline 1 : has more than 262144 bytes: is a line break missing?\nline 2: KIND_DELETE_AGENT agent/ann\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := saysOfJSON(jsonOf(t, []byte(c.file))); got != c.want {
				t.Errorf("says\n%swant\n%s", got, c.want)
			}
		})
	}
}

// What every reader promises at its limits: it stops there, says so, and a file of just that size is taken.
func TestReadersStopAtTheirLimits(t *testing.T) {
	type reader func(io.Reader, Limits) (*Import, error)
	items := func(line string, n int) string { // with ids of three digits
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, line, 100+i)
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		read          reader
		heading, line string
	}{
		"CSV":        {ReadCSV, "id,name\n", "a-%d,Ann\n"},
		"JSON lines": {ReadJSONLines, "", `{"kind":"delete_agent","agent":{"id":"a-%d"}}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			file := c.heading + items(c.line, 5)
			exact := Limits{int64(len(file)), 5}
			if im, err := c.read(strings.NewReader(file), exact); err != nil || im.Wrong > 0 || len(im.Items) != 5 {
				t.Errorf("at the limits: %v, %v", im.Errors, err)
			}
			source := &endless{heading: c.heading, line: c.line}
			im, err := c.read(source, Limits{1 << 40, 5})
			if err != nil || im.Read != 5 || len(im.Errors) != 1 || !strings.Contains(im.Errors[0].GetProblem(), "more than 5") || source.given > longestLine+8192 {
				t.Errorf("too many items: %v, %v, %d bytes read", im.Errors, err, source.given)
			}
			source = &endless{heading: c.heading, line: c.line}
			im, err = c.read(source, Limits{100_000, 1 << 30})
			if err != nil || im.Errors[len(im.Errors)-1].GetProblem() != "the file has more than 100000 bytes: split it" || source.given > 100_001 {
				t.Errorf("too many bytes: %v, %v, %d bytes read", im.Errors, err, source.given)
			}
			broken := io.MultiReader(strings.NewReader(c.heading+items(c.line, 3)), failing{})
			if _, err := c.read(broken, InMessage); !errors.Is(err, errBroken) {
				t.Errorf("a connection that breaks: %v", err)
			}
		})
	}
}

// endless is a file of a gigabyte, as long as anybody reads it.
type endless struct {
	heading, line string
	n, given      int
	rest          []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if e.given > 1<<30 {
		return 0, io.EOF
	}
	if e.given == 0 {
		e.rest = []byte(e.heading)
	}
	for len(e.rest) < len(p) {
		e.rest = fmt.Appendf(e.rest, e.line, e.n)
		e.n++
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	e.given += n
	return n, nil
}

var errBroken = errors.New("the connection broke")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

// A line without an end holds no more memory than a line may have.
func TestALineWithoutAnEndIsNotRead(t *testing.T) {
	source := &endless{heading: "id,name\nann,Ann\nbob,\"", line: "%d"}
	im, err := ReadCSV(source, InStream)
	want := "has more than 262144 bytes, so nothing behind it was read: is a quote not closed?"
	if err != nil || len(im.Errors) != 1 || im.Errors[0].GetLine() != 3 || im.Errors[0].GetProblem() != want || source.given > longestLine+8192 {
		t.Errorf("%v, %v, %d bytes read", im.Errors, err, source.given)
	}
}

func TestManyErrorsAreCountedAndTheLimitIsNamed(t *testing.T) {
	im, err := ReadCSV(&endless{heading: "id,name\n", line: ",%d\n"}, Limits{1 << 40, 5000})
	if err != nil || len(im.Errors) != maxErrors || im.Wrong != 5001 || im.Errors[maxErrors-1].GetLine() != 5002 {
		t.Errorf("%d named of %d, the last %v, %v", len(im.Errors), im.Wrong, im.Errors[len(im.Errors)-1], err)
	}
}

func TestItemsThatComeSomeAtATime(t *testing.T) {
	some := [][]*provisioningv1.Item{{upsert("ann"), upsert("bob")}, nil, {upsert("ann")}, {{}}}
	next := func() ([]*provisioningv1.Item, error) {
		if len(some) == 0 {
			return nil, io.EOF
		}
		first := some[0]
		some = some[1:]
		return first, nil
	}
	im, err := ReadItems(next, InStream)
	want := "4 read\nline 3 id: \"ann\" stands on line 1 already\nline 4 kind: is missing\nline 1: KIND_UPSERT_AGENT agent/ann\nline 2: KIND_UPSERT_AGENT agent/bob\n"
	if err != nil || saysOfJSON(im) != want {
		t.Errorf("says\n%swant\n%s%v", saysOfJSON(im), want, err)
	}
	n := 0
	endless := func() ([]*provisioningv1.Item, error) { n++; return []*provisioningv1.Item{upsert(fmt.Sprint(n))}, nil }
	for limits, want := range map[Limits]string{
		{1 << 40, 5}:   "there are more than 5 items: make several jobs of them",
		{100, 1 << 30}: "the items have more than 100 bytes: make several jobs of them",
	} {
		n = 0
		if im, err := ReadItems(endless, limits); err != nil || len(im.Errors) != 1 || im.Errors[0].GetProblem() != want || n > 20 {
			t.Errorf("%v, %v, %d read; want %s", im.Errors, err, n, want)
		}
	}
	if im, _ := ReadItems(func() ([]*provisioningv1.Item, error) { return nil, io.EOF }, InStream); im.Wrong != 1 {
		t.Error("no items, and nothing is wrong with that")
	}
	if _, err := ReadItems(func() ([]*provisioningv1.Item, error) { return nil, errBroken }, InStream); !errors.Is(err, errBroken) {
		t.Errorf("a connection that breaks: %v", err)
	}
}

func FuzzReadJSONLines(f *testing.F) {
	f.Add([]byte(`{"kind":"upsert_agent","agent":{"id":"ann","name":"Ann","skills":[{"name":"english","level":80}],"capacity":[{"channel":"CHANNEL_VOICE","contacts":1}]}}`))
	f.Add([]byte("\xef\xbb\xbf{\"kind\":\"KIND_DELETE_QUEUE\",\"queue\":{\"id\":\"q\"},\"if_revision\":{\"epoch\":1,\"n\":\"2\"}}\r\n\r\n[]"))
	f.Add([]byte("{\"kind\" : \"delete_agent\" \t,\"kind\":1,\"agent\":{\"id\":\"\\ud800\"}}\n{\"a\":\xff}"))
	f.Fuzz(func(t *testing.T, file []byte) {
		im := jsonOf(t, file)
		lines := bytes.Count(file, []byte("\n")) + 1
		for _, e := range im.Errors {
			if e.GetLine() < 1 || int(e.GetLine()) > lines || e.GetProblem() == "" {
				t.Errorf("error names line %d of %d: %q", e.GetLine(), lines, e.GetProblem())
			}
			if _, err := proto.Marshal(e); err != nil {
				t.Errorf("cannot be sent: %v", err)
			}
		}
		if len(im.Items) != len(im.Lines) || len(im.Items) > im.Read || len(im.Items) < im.Read && im.Wrong == 0 {
			t.Errorf("%d items, %d lines, %d read, %d errors", len(im.Items), len(im.Lines), im.Read, im.Wrong)
		}
		if err := Check(im.Items); err != nil && len(im.Items) > 0 {
			t.Errorf("took items that the service refuses: %v", err)
		}
		if again := jsonOf(t, written(t, im.Items)); len(im.Items) > 0 && !same(again.Items, im.Items) {
			t.Errorf("written and read again: %v, want %v", again.Items, im.Items)
		}
	})
}

func written(t *testing.T, items []*provisioningv1.Item) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, it := range items {
		text, err := protojson.Marshal(it)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(text, '\n'))
	}
	return b.Bytes()
}
