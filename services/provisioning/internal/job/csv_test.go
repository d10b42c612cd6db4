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
			got := says(ReadCSV([]byte(input)))
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

func says(im *Import) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d lines, %d agents\n", im.Read, len(im.Agents))
	for _, e := range im.Errors {
		fmt.Fprintf(&b, "line %d %s: %s\n", e.GetLine(), e.GetColumn(), e.GetProblem())
	}
	for i, a := range im.Agents {
		fmt.Fprintf(&b, "agent on line %d: %s\n", im.Lines[i], strings.Join(cellsOf(a), ","))
	}
	return b.String()
}

func TestBytesThatNoEditorShows(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"byte order mark": {"\xef\xbb\xbfid,name\nann,Ann\n", "1 lines, 1 agents\nagent on line 2: ann,Ann,,,,\n"},
		"CRLF":            {"id,name\r\nann,Ann\r\nbob,Bob\r\n", "2 lines, 2 agents\nagent on line 2: ann,Ann,,,,\nagent on line 3: bob,Bob,,,,\n"},
		"UTF-16":          {"\xff\xfei\x00d\x00", "0 lines, 0 agents\nline 1 : the file is UTF-16: save it as UTF-8\n"},
		"Latin-1":         {"id,name\nann,Ann\nrene,Ren\xe9\n", "2 lines, 1 agents\nline 3 name: is not UTF-8: save the file as UTF-8\nagent on line 2: ann,Ann,,,,\n"},
		"NUL":             {"id,name\nann,An\x00n\n", "1 lines, 0 agents\nline 2 name: \"An\\x00n\" has control characters (a line break, a tab, …)\n"},
		"empty":           {"", "0 lines, 0 agents\nline 1 : there is no heading: the first line must name the columns, id,name,skills,queues,capacity,address\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := says(ReadCSV([]byte(c.file))); got != c.want {
				t.Errorf("says\n%swant\n%s", got, c.want)
			}
		})
	}
}

func TestABrokenLine7000IsNamed(t *testing.T) {
	file := strings.Split(string(fileOf(10_000)), "\n")
	file[6999] = "a-7000,Agent 7000,english:eighty,support,voice=1,"
	im := ReadCSV([]byte(strings.Join(file, "\n")))
	if im.Read != 10_000 || len(im.Errors) != 1 {
		t.Fatalf("read %d lines, %d errors, want 10000 and 1: %v", im.Read, len(im.Errors), im.Errors)
	}
	want := `"english:eighty" is not name:level, a level being 0 to 100; skills are written english:80;sales:50`
	if e := im.Errors[0]; e.GetLine() != 7000 || e.GetColumn() != "skills" || e.GetProblem() != want {
		t.Errorf("says %v, want line 7000, column skills: %s", e, want)
	}
}

func TestTooManyLinesAndBytesAreRefused(t *testing.T) {
	im := ReadCSV(fileOf(10_001))
	if len(im.Errors) != 1 || im.Errors[0].GetLine() != 10_002 {
		t.Errorf("10,001 lines: %v, want one error on line 10002", im.Errors)
	}
	im = ReadCSV(make([]byte, MaxBytes+1))
	if len(im.Errors) != 1 || !strings.Contains(im.Errors[0].GetProblem(), "at most 3145728") {
		t.Errorf("3 MiB and a byte: %v, want one error that names the limit", im.Errors)
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
		im := ReadCSV(file)
		lines := bytes.Count(file, []byte("\n")) + 2
		for _, e := range im.Errors {
			if e.GetLine() < 1 || int(e.GetLine()) > lines || e.GetProblem() == "" {
				t.Errorf("error names line %d of %d: %q", e.GetLine(), lines, e.GetProblem())
			}
			if _, err := proto.Marshal(e); err != nil {
				t.Errorf("cannot be sent: %v", err)
			}
		}
		if len(im.Agents) != len(im.Lines) || len(im.Agents) > im.Read {
			t.Errorf("%d agents, %d lines, %d read", len(im.Agents), len(im.Lines), im.Read)
		}
		if err := Check(im.Items()); err != nil && len(im.Agents) > 0 {
			t.Errorf("took agents that the service refuses: %v", err)
		}
		if again := ReadCSV(write(im.Agents)); len(im.Agents) > 0 && !same(again.Agents, im.Agents) {
			t.Errorf("written and read again: %v, want %v", again.Agents, im.Agents)
		}
	})
}

func same(a, b []*provisioningv1.Agent) bool {
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

func write(agents []*provisioningv1.Agent) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(columns[:])
	for _, a := range agents {
		w.Write(cellsOf(a))
	}
	w.Flush()
	return b.Bytes()
}

func cellsOf(a *provisioningv1.Agent) []string {
	var skills, capacity []string
	for _, s := range a.GetSkills() {
		skills = append(skills, s.GetName()+":"+strconv.Itoa(int(s.GetLevel())))
	}
	for _, c := range a.GetCapacity() {
		capacity = append(capacity, directory.ChannelName(c.GetChannel())+"="+strconv.Itoa(int(c.GetContacts())))
	}
	return []string{a.GetId(), a.GetName(), strings.Join(skills, ";"), strings.Join(a.GetQueueIds(), ";"), strings.Join(capacity, ";"), a.GetAddress()}
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
		if im := ReadCSV(file); len(im.Agents) != 10_000 {
			b.Fatal(im.Errors)
		}
	}
}
