package job

import (
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

// Each file of testdata/csv has a file and, behind "-- says --", what the reader says of it.
// `go test ./internal/job -run Files -update` rewrites what it says.
func TestFilesSayWhatIsWrongWithThem(t *testing.T) {
	files, _ := filepath.Glob("testdata/csv/*.txt")
	if len(files) == 0 {
		t.Fatal("testdata/csv is empty")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			input, want, _ := strings.Cut(string(text), mark)
			got := says(csvOf(t, []byte(input)))
			if *update {
				if err := os.WriteFile(file, []byte(input+mark+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("says\n%swant\n%s", got, want)
			}
		})
	}
}

const mark = "-- says --\n"

var update = flag.Bool("update", false, "rewrite what the reader says of the files in testdata/csv")

// csvOf reads a file of one message.
func csvOf(t testing.TB, file []byte) *Import {
	t.Helper()
	im, err := ReadCSV(bytes.NewReader(file), InMessage)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func says(im *Import) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d lines, %d items\n", im.Read, len(im.Items))
	for _, e := range im.Errors {
		fmt.Fprintf(&b, "line %d %s: %s\n", e.GetLine(), e.GetColumn(), e.GetProblem())
	}
	for i, it := range im.Items {
		fmt.Fprintf(&b, "line %d: %s\n", im.Lines[i], strings.Join(cellsOf(it), ","))
	}
	return b.String()
}

func TestBytesThatNoEditorShows(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"byte order mark": {"\xef\xbb\xbfid,name\nann,Ann\n", "1 lines, 1 items\nline 2: ann,Ann,,,,,upsert,,\n"},
		"CRLF":            {"id,name\r\nann,Ann\r\nbob,Bob\r\n", "2 lines, 2 items\nline 2: ann,Ann,,,,,upsert,,\nline 3: bob,Bob,,,,,upsert,,\n"},
		"UTF-16":          {"\xff\xfei\x00d\x00", "0 lines, 0 items\nline 1 : the file is UTF-16: save it as UTF-8\n"},
		"Latin-1":         {"id,name\nann,Ann\nrene,Ren\xe9\n", "2 lines, 1 items\nline 3 name: is not UTF-8: save the file as UTF-8\nline 2: ann,Ann,,,,,upsert,,\n"},
		"NUL":             {"id,name\nann,An\x00n\n", "1 lines, 0 items\nline 2 name: \"An\\x00n\" has control characters (a line break, a tab, …)\n"},
		"empty":           {"", "0 lines, 0 items\nline 1 : there is no heading: the first line must name the columns, id,name,skills,queues,capacity,address,action,active,external_id\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := says(csvOf(t, []byte(c.file))); got != c.want {
				t.Errorf("says\n%swant\n%s", got, c.want)
			}
		})
	}
}

func TestABrokenLine7000IsNamed(t *testing.T) {
	file := strings.Split(string(fileOf(10_000)), "\n")
	file[6999] = "a-7000,Agent 7000,english:eighty,support,voice=1,"
	im := csvOf(t, []byte(strings.Join(file, "\n")))
	if im.Read != 10_000 || len(im.Errors) != 1 {
		t.Fatalf("read %d lines, %d errors, want 10000 and 1: %v", im.Read, len(im.Errors), im.Errors)
	}
	want := `"english:eighty" is not name:level, a level being 0 to 100; skills are written english:80;sales:50`
	if e := im.Errors[0]; e.GetLine() != 7000 || e.GetColumn() != "skills" || e.GetProblem() != want {
		t.Errorf("says %v, want line 7000, column skills: %s", e, want)
	}
}

func TestTooManyLinesAndBytesAreRefused(t *testing.T) {
	im := csvOf(t, fileOf(10_001))
	if len(im.Errors) != 1 || im.Errors[0].GetLine() != 10_002 {
		t.Errorf("10,001 lines: %v, want one error on line 10002", im.Errors)
	}
	im = csvOf(t, append([]byte("id,name\n"), bytes.Repeat([]byte("\n"), int(InMessage.Bytes))...))
	if len(im.Errors) != 1 || !strings.Contains(im.Errors[0].GetProblem(), "more than 262144 bytes, so nothing behind it was read") {
		t.Errorf("3 MiB of blanks: %v, want one error", im.Errors)
	}
	im = csvOf(t, append(fileOf(9_000), bytes.Repeat([]byte("a,b,c,d,e,f"+strings.Repeat("x", 3000)+"\n"), 1000)...))
	if last := im.Errors[len(im.Errors)-1]; !strings.Contains(last.GetProblem(), "more than 3145728 bytes: split it") {
		t.Errorf("3 MiB and more: ends with %v, want an error that names the limit", last)
	}
}

func FuzzReadCSV(f *testing.F) {
	files, _ := filepath.Glob("testdata/csv/*.txt")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		input, _, _ := bytes.Cut(text, []byte(mark))
		f.Add(input)
	}
	f.Add([]byte("\xef\xbb\xbfid,name\r\nann,\"An\"n\r\n\"\n"))
	f.Add([]byte("id,name,id\n"))
	f.Add([]byte("name,id,capacity,skills\n,\xff,voice=,::\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		im := csvOf(t, file)
		lines := bytes.Count(file, []byte("\n")) + 2
		for _, e := range im.Errors {
			if e.GetLine() < 1 || int(e.GetLine()) > lines || e.GetProblem() == "" {
				t.Errorf("error names line %d of %d: %q", e.GetLine(), lines, e.GetProblem())
			}
			if _, err := proto.Marshal(e); err != nil {
				t.Errorf("cannot be sent: %v", err)
			}
		}
		if len(im.Items) != len(im.Lines) || len(im.Items) > im.Read {
			t.Errorf("%d items, %d lines, %d read", len(im.Items), len(im.Lines), im.Read)
		}
		if err := Check(im.Items); err != nil && len(im.Items) > 0 {
			t.Errorf("took items that the service refuses: %v", err)
		}
		if again := csvOf(t, write(im.Items)); len(im.Items) > 0 && !same(again.Items, im.Items) {
			t.Errorf("written and read again: %v, want %v", again.Items, im.Items)
		}
	})
}

func same(a, b []*provisioningv1.Item) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !proto.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func write(items []*provisioningv1.Item) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(columns[:])
	for _, it := range items {
		w.Write(cellsOf(it))
	}
	w.Flush()
	return b.Bytes()
}

func cellsOf(it *provisioningv1.Item) []string {
	a := it.GetAgent()
	var skills, capacity []string
	for _, s := range a.GetSkills() {
		skills = append(skills, s.GetName()+":"+strconv.Itoa(int(s.GetLevel())))
	}
	for _, c := range a.GetCapacity() {
		capacity = append(capacity, directory.ChannelName(c.GetChannel())+"="+strconv.Itoa(int(c.GetContacts())))
	}
	return []string{a.GetId(), a.GetName(), strings.Join(skills, ";"), strings.Join(a.GetQueueIds(), ";"), strings.Join(capacity, ";"), a.GetAddress(),
		strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(it.GetKind().String(), "KIND_"), "_AGENT")), activeOf(it), a.GetExternalId()}
}

func activeOf(it *provisioningv1.Item) string {
	if it.GetAgent().GetDeactivated() {
		return "false"
	}
	return ""
}

func fileOf(agents int) []byte {
	var b bytes.Buffer
	b.WriteString("id,name,skills,queues,capacity,address\n")
	for i := range agents {
		fmt.Fprintf(&b, "a-%d,Agent %d,english:80,support,voice=1,%d\n", i+2, i+2, 1000+i)
	}
	return b.Bytes()
}

func BenchmarkReadCSV(b *testing.B) {
	file := fileOf(10_000)
	for b.Loop() {
		if im := csvOf(b, file); len(im.Items) != 10_000 {
			b.Fatal(im.Errors)
		}
	}
}
