package cli

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
)

// taker takes uploads, and keeps the last.
type taker struct {
	provisioningv1connect.UnimplementedJobServiceHandler
	answer *provisioningv1.UploadJobResponse
	url    string
	away   int // uploads that are answered in the middle, for it is away
	header *provisioningv1.UploadHeader
	file   []byte
}

func newTaker(t *testing.T, answer *provisioningv1.UploadJobResponse) *taker {
	k := &taker{answer: answer}
	mux := http.NewServeMux()
	mux.Handle(provisioningv1connect.NewJobServiceHandler(k))
	s := httptest.NewUnstartedServer(mux)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	k.url = s.URL
	return k
}

func (k *taker) UploadJob(_ context.Context, stream *connect.ClientStream[provisioningv1.UploadJobRequest]) (*connect.Response[provisioningv1.UploadJobResponse], error) {
	k.header, k.file = nil, nil
	for stream.Receive() {
		if h := stream.Msg().GetHeader(); h != nil {
			k.header = h
		}
		k.file = append(k.file, stream.Msg().GetChunk()...)
		if k.away > 0 && len(k.file) > 0 {
			k.away--
			return nil, connect.NewError(connect.CodeUnavailable, nil)
		}
	}
	return connect.NewResponse(k.answer), stream.Err()
}

func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestADryRunPrintsWhatWouldChange(t *testing.T) {
	k := newTaker(t, &provisioningv1.UploadJobResponse{
		Summary: "all 4 lines are good", Lines: 4, Counts: &provisioningv1.DifferenceCounts{Create: 2, Update: 1, Refuse: 1},
		Differences: []*provisioningv1.Difference{
			{Line: 2, Entity: "agent/ann", Action: provisioningv1.Difference_ACTION_CREATE},
			{Line: 3, Entity: "agent/bob", Action: provisioningv1.Difference_ACTION_UPDATE, Changes: []string{`name: "Bob" → "Rob"`, "queue +support"}},
			{Line: 4, Entity: "queue/old", Action: provisioningv1.Difference_ACTION_REFUSE, Reason: "1 agents serve it: eve"},
		},
	})
	k.away = 1
	text := "id,name\nann,Ann\n" + strings.Repeat("bob,Rob\n", 100_000)
	file := written(t, "agents.CSV", text)
	got, err := run(t, "provision", "import", file, "--dry-run", "--url", k.url)
	want := file + ":2: create agent ann\n" + file + `:3: update agent bob: name: "Bob" → "Rob"; queue +support` + "\n" +
		file + ":4: refuse queue old: 1 agents serve it: eve\nand 1 more\nall 4 lines are good\n"
	if err != nil || got != want {
		t.Errorf("prints\n%swant\n%s%v", got, want, err)
	}
	h := k.header
	if string(k.file) != text || !h.GetDryRun() || h.GetFormat() != provisioningv1.FileFormat_FILE_FORMAT_CSV || h.GetFileName() != "agents.CSV" ||
		h.GetBytes() != uint64(len(text)) || h.GetTenant() != "demo" {
		t.Errorf("%d bytes came of %d, under the header %v", len(k.file), len(text), h)
	}
	got, err = run(t, "provision", "import", file, "--dry-run", "-o", "json", "--url", k.url)
	if lines := strings.Split(got, "\n"); err != nil || len(lines) != 5 || !strings.Contains(lines[1], "agent/bob") || !strings.Contains(lines[3], "summary") || strings.Contains(lines[3], "agent/bob") {
		t.Errorf("as JSON\n%s%v", got, err)
	}
}

func TestWhatComesInIsImported(t *testing.T) {
	k := newTaker(t, &provisioningv1.UploadJobResponse{Summary: "all 1 lines were taken", Job: &provisioningv1.Job{Id: "j-1"}})
	upload := func(text string, args ...string) string {
		root := newRoot()
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetIn(strings.NewReader(text))
		root.SetArgs(append([]string{"provision", "import", "-", "--format", "jsonl", "--detach", "--url", k.url}, args...))
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if got := upload("{}\n"); got != "all 1 lines were taken\njob j-1: busyhour provision watch j-1\n" {
		t.Errorf("prints %q", got)
	}
	first := k.header.GetRequestId()
	if k.header.GetFormat() != provisioningv1.FileFormat_FILE_FORMAT_JSON_LINES || string(k.file) != "{}\n" || k.header.GetFileName() != "stdin" {
		t.Errorf("%q came, under the header %v", k.file, k.header)
	}
	if upload("{}\n"); k.header.GetRequestId() != first {
		t.Errorf("the same again is request %s, and was %s", k.header.GetRequestId(), first)
	}
	if upload("{} \n"); k.header.GetRequestId() == first {
		t.Errorf("another file is the same request %s", first)
	}
	if upload("{}\n", "--request-id", "r-1"); k.header.GetRequestId() != "r-1" {
		t.Errorf("request %s, want the one that was said", k.header.GetRequestId())
	}
}

func TestFilesThatAreNotSent(t *testing.T) {
	huge := written(t, "huge.csv", "")
	if err := os.Truncate(huge, 64<<20+1); err != nil {
		t.Fatal(err)
	}
	for file, says := range map[string]string{
		huge:                                   "more than 64 MiB; split it",
		written(t, "empty.csv", ""):            "is empty",
		written(t, "agents.xlsx", "PK"):        "say --format csv or --format jsonl",
		filepath.Join(t.TempDir(), "no.jsonl"): "no such file",
	} {
		if _, err := run(t, "provision", "import", file, "--url", "http://127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want a word of %q", file, err, says)
		}
	}
}
