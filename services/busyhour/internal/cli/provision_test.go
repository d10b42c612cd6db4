package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
	"github.com/busyhour/busyhour/pkg/boot"
)

var noon = timestamppb.New(time.Date(2026, 11, 26, 12, 0, 0, 0, time.Local))

// fakeJobs is a JobService of fixed jobs, the newest first. It keeps what it is asked.
type fakeJobs struct {
	provisioningv1connect.UnimplementedJobServiceHandler
	jobs       []*provisioningv1.Job
	outcomes   []*provisioningv1.Outcome
	rebuilding bool

	mu    sync.Mutex
	asked []proto.Message
}

// serve starts it, and returns how a command line reaches it.
func (f *fakeJobs) serve(t *testing.T) []string {
	mux := http.NewServeMux()
	mux.Handle(provisioningv1connect.NewJobServiceHandler(f))
	s := httptest.NewUnstartedServer(mux)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return []string{"--url", s.URL}
}

func (f *fakeJobs) hear(m proto.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, m)
}

// find is the job, which then stands as change leaves it.
func (f *fakeJobs) find(asked proto.Message, id string, change func(*provisioningv1.Job)) (*provisioningv1.Job, error) {
	f.hear(asked)
	i := slices.IndexFunc(f.jobs, func(j *provisioningv1.Job) bool { return j.Id == id })
	if i < 0 {
		return nil, connect.NewError(connect.CodeNotFound, errors.New("there is no such job"))
	}
	j := proto.CloneOf(f.jobs[i])
	change(j)
	return j, nil
}

func (f *fakeJobs) GetJob(_ context.Context, r *connect.Request[provisioningv1.GetJobRequest]) (*connect.Response[provisioningv1.GetJobResponse], error) {
	j, err := f.find(r.Msg, r.Msg.Id, func(*provisioningv1.Job) {})
	return connect.NewResponse(&provisioningv1.GetJobResponse{Job: j, Verified: !f.rebuilding}), err
}

// ListJobs has pages of at most two jobs.
func (f *fakeJobs) ListJobs(_ context.Context, r *connect.Request[provisioningv1.ListJobsRequest]) (*connect.Response[provisioningv1.ListJobsResponse], error) {
	f.hear(proto.CloneOf(r.Msg))
	from := 0
	_, _ = fmt.Sscan(r.Msg.PageToken, &from)
	to := min(from+2, from+int(r.Msg.PageSize), len(f.jobs))
	page := &provisioningv1.ListJobsResponse{Jobs: f.jobs[from:to], Verified: !f.rebuilding}
	if to < len(f.jobs) {
		page.NextPageToken = fmt.Sprint(to)
	}
	return connect.NewResponse(page), nil
}

func (f *fakeJobs) PauseJob(_ context.Context, r *connect.Request[provisioningv1.PauseJobRequest]) (*connect.Response[provisioningv1.PauseJobResponse], error) {
	j, err := f.find(r.Msg, r.Msg.Id, func(j *provisioningv1.Job) { j.PausedAt, j.ChangedBy = noon, r.Msg.Actor })
	return connect.NewResponse(&provisioningv1.PauseJobResponse{Job: j}), err
}

func (f *fakeJobs) ResumeJob(_ context.Context, r *connect.Request[provisioningv1.ResumeJobRequest]) (*connect.Response[provisioningv1.ResumeJobResponse], error) {
	j, err := f.find(r.Msg, r.Msg.Id, func(j *provisioningv1.Job) { j.PausedAt, j.ChangedBy = nil, r.Msg.Actor })
	return connect.NewResponse(&provisioningv1.ResumeJobResponse{Job: j}), err
}

func (f *fakeJobs) CancelJob(_ context.Context, r *connect.Request[provisioningv1.CancelJobRequest]) (*connect.Response[provisioningv1.CancelJobResponse], error) {
	j, err := f.find(r.Msg, r.Msg.Id, func(j *provisioningv1.Job) {
		j.CancelledAt, j.ChangedBy, j.Cancelled, j.Pending = noon, r.Msg.Actor, j.Pending, 0
	})
	return connect.NewResponse(&provisioningv1.CancelJobResponse{Job: j}), err
}

// RetryJob answers with the job that is a retry of the one named.
func (f *fakeJobs) RetryJob(_ context.Context, r *connect.Request[provisioningv1.RetryJobRequest]) (*connect.Response[provisioningv1.RetryJobResponse], error) {
	f.hear(r.Msg)
	for _, j := range f.jobs {
		if j.RetryOf == r.Msg.Id {
			return connect.NewResponse(&provisioningv1.RetryJobResponse{Job: j}), nil
		}
	}
	return nil, connect.NewError(connect.CodeFailedPrecondition, errors.New("no item of it failed"))
}

func (f *fakeJobs) UploadJob(_ context.Context, s *connect.ClientStream[provisioningv1.UploadJobRequest]) (*connect.Response[provisioningv1.UploadJobResponse], error) {
	for s.Receive() {
		f.hear(proto.CloneOf(s.Msg()))
	}
	return connect.NewResponse(&provisioningv1.UploadJobResponse{Job: f.jobs[0], Summary: "all is taken"}), s.Err()
}

func (f *fakeJobs) ListOutcomes(_ context.Context, r *connect.Request[provisioningv1.ListOutcomesRequest]) (*connect.Response[provisioningv1.ListOutcomesResponse], error) {
	f.hear(r.Msg)
	res := &provisioningv1.ListOutcomesResponse{Verified: !f.rebuilding}
	for _, o := range f.outcomes {
		if r.Msg.Outcome == 0 || r.Msg.Outcome == o.Outcome {
			res.Outcomes = append(res.Outcomes, o)
		}
	}
	return connect.NewResponse(res), nil
}

// someJobs are four: one that runs, one that failed in part and the retry of it, and one that was cut short.
func someJobs() *fakeJobs {
	return &fakeJobs{
		jobs: []*provisioningv1.Job{
			{Id: "j-4", Total: 10, Applied: 4, Pending: 6, CreatedAt: noon, Actor: "ann", File: &provisioningv1.File{Name: "a.csv"}},
			{Id: "j-3", Total: 2, Applied: 2, RetryOf: "j-2"},
			{Id: "j-2", Total: 5, Applied: 3, Failed: 2},
			{Id: "j-1", Total: 5, Applied: 2, Failed: 1, Cancelled: 2, CancelledAt: noon},
		},
		outcomes: []*provisioningv1.Outcome{
			{Number: 1, AgentId: "ann", Outcome: provisioningv1.ItemOutcome_ITEM_OUTCOME_APPLIED},
			{Number: 2, AgentId: "ben", Outcome: provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED, Reason: "409"},
			{Number: 3, Entity: "queue/sales", Outcome: provisioningv1.ItemOutcome_ITEM_OUTCOME_CANCELLED},
		},
	}
}

// shell is what a terminal would show of a command.
type shell struct {
	out, err string
	code     int
	problem  error
}

func (f *fakeJobs) run(t *testing.T, stdin io.Reader, args ...string) shell {
	t.Helper()
	var out, errs bytes.Buffer
	root := newRoot()
	root.SetIn(stdin)
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SetArgs(append(append([]string{"provision"}, args...), f.serve(t)...))
	err := root.ExecuteContext(t.Context())
	return shell{out.String(), errs.String(), exitCode(err), err}
}

func exitCode(err error) int {
	var exit *boot.Exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.Code
	default:
		return 1
	}
}

func lastAsked[M proto.Message](t *testing.T, f *fakeJobs) M {
	t.Helper()
	for _, m := range slices.Backward(f.asked) {
		if m, ok := m.(M); ok {
			return m
		}
	}
	t.Fatalf("it was not asked for; but for %v", f.asked)
	panic("unreachable")
}

// jobLines reads a job from every line.
func jobLines(t *testing.T, out string) (ids []string) {
	t.Helper()
	for line := range strings.Lines(out) {
		j := &provisioningv1.Job{}
		if err := protojson.Unmarshal([]byte(line), j); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		ids = append(ids, j.Id)
	}
	return ids
}

func TestJobsAreListedAsFarAsTheLimit(t *testing.T) {
	for _, c := range []struct {
		limit string
		sizes []uint32 // of the pages asked for
		ids   []string
	}{
		{"20", []uint32{20, 18}, []string{"j-4", "j-3", "j-2", "j-1"}},
		{"3", []uint32{3, 1}, []string{"j-4", "j-3", "j-2"}},
		{"2", []uint32{2}, []string{"j-4", "j-3"}},
		{"1000", []uint32{100, 100}, []string{"j-4", "j-3", "j-2", "j-1"}},
	} {
		f := someJobs()
		got := f.run(t, nil, "list", "--limit", c.limit, "-o", "json")
		if ids := jobLines(t, got.out); got.code != 0 || !slices.Equal(ids, c.ids) {
			t.Errorf("limit %s: %v, %v", c.limit, ids, got.problem)
		}
		var sizes []uint32
		for _, m := range f.asked {
			sizes = append(sizes, m.(*provisioningv1.ListJobsRequest).PageSize)
		}
		if !slices.Equal(sizes, c.sizes) {
			t.Errorf("limit %s: pages of %v asked for, want %v", c.limit, sizes, c.sizes)
		}
	}
}

func TestTheListIsATable(t *testing.T) {
	got := someJobs().run(t, nil, "list")
	lines := strings.Split(got.out, "\n")
	if got.code != 0 || len(lines) != 6 || strings.Join(strings.Fields(lines[1]), " ") != "j-4 running by size 10 4 0 0 6 2026-11-26 12:00:00 ann a.csv" {
		t.Errorf("%v\n%s", got.problem, got.out)
	}
	if got.err != "" {
		t.Errorf("beside it: %s", got.err)
	}
}

func TestWhatIsReadDuringARebuildSaysSo(t *testing.T) {
	for _, args := range [][]string{{"list"}, {"show", "j-4"}} {
		f := someJobs()
		f.rebuilding = true
		if got := f.run(t, nil, args...); got.code != 0 || !strings.Contains(got.err, "being rebuilt") {
			t.Errorf("%v: %q, %v", args, got.err, got.problem)
		}
	}
}

func TestAJobIsShown(t *testing.T) {
	if got := someJobs().run(t, nil, "show", "j-4"); got.code != 0 || !strings.Contains(got.out, "asked for  2026-11-26 12:00:00 by ann\n") {
		t.Errorf("%v\n%s", got.problem, got.out)
	}
	if got := someJobs().run(t, nil, "show", "j-4", "-o", "json"); !slices.Equal(jobLines(t, got.out), []string{"j-4"}) {
		t.Errorf("%v\n%s", got.problem, got.out)
	}
}

func TestAJobIsPausedAndResumed(t *testing.T) {
	f := someJobs()
	got := f.run(t, nil, "pause", "j-4", "--actor", "bob", "--tenant", "acme")
	if want := "job j-4: paused, 4 applied, 6 pending; it goes on with: busyhour provision resume j-4\n"; got.code != 0 || got.out != want {
		t.Errorf("%q, %v; want %q", got.out, got.problem, want)
	}
	if r := lastAsked[*provisioningv1.PauseJobRequest](t, f); r.Actor != "bob" || r.Tenant != "acme" {
		t.Errorf("asked for %v", r)
	}
	got = f.run(t, nil, "resume", "j-4", "--actor", "cleo")
	if want := "job j-4: running, 4 applied, 6 pending; to its end: busyhour provision watch j-4\n"; got.code != 0 || got.out != want {
		t.Errorf("%q, %v; want %q", got.out, got.problem, want)
	}
	if r := lastAsked[*provisioningv1.ResumeJobRequest](t, f); r.Actor != "cleo" || r.Tenant != "demo" {
		t.Errorf("asked for %v", r)
	}
}

func TestSteeringAnswersInJSON(t *testing.T) {
	for _, args := range [][]string{{"pause"}, {"resume"}, {"cancel", "--yes"}} {
		got := someJobs().run(t, nil, append(args, "j-4", "--output", "json")...)
		if ids := jobLines(t, got.out); got.code != 0 || !slices.Equal(ids, []string{"j-4"}) {
			t.Errorf("%v: %q, %v", args, got.out, got.problem)
		}
	}
}

func TestAJobIsCancelledWhenToldSo(t *testing.T) {
	f := someJobs()
	got := f.run(t, nil, "cancel", "j-4", "--yes", "--actor", "bob")
	if want := "job j-4: cancelled, 4 applied, 6 cancelled\n"; got.code != 0 || got.out != want {
		t.Errorf("%q, %v; want %q", got.out, got.problem, want)
	}
	if r := lastAsked[*provisioningv1.CancelJobRequest](t, f); r.Actor != "bob" {
		t.Errorf("asked for %v", r)
	}
}

func TestNothingIsCancelledUnasked(t *testing.T) {
	nobody, err := os.Open(os.DevNull) // a device, as a terminal is, and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	for name, c := range map[string]struct {
		stdin io.Reader
		asks  string
	}{
		"no terminal": {strings.NewReader("y\n"), ""},
		"no answer":   {nobody, "Cancel job j-4 (a.csv): 4 applied, 6 pending of 10 items? [y/N] "},
	} {
		f := someJobs()
		got := f.run(t, c.stdin, "cancel", "j-4")
		if got.code != 1 || !strings.Contains(got.problem.Error(), "--yes") || got.err != c.asks || got.out != "" {
			t.Errorf("%s: %+v", name, got)
		}
		for _, m := range f.asked {
			if _, cancels := m.(*provisioningv1.CancelJobRequest); cancels {
				t.Errorf("%s: and yet it was cancelled", name)
			}
		}
	}
}

func TestOnlyAYesIsAYes(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, " YES \n": true, "yes": true, "\n": false, "": false, "n\n": false, "yesterday\n": false} {
		if err := confirm(t.Context(), strings.NewReader(answer), io.Discard, "Really?"); (err == nil) != want {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

func TestAQuestionEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	silent, closer := io.Pipe()
	defer closer.Close()
	if err := confirm(ctx, silent, io.Discard, "Really?"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFailedItemsAreTriedAgainAndFollowed(t *testing.T) {
	f := someJobs()
	got := f.run(t, nil, "retry", "j-2", "--priority", "urgent")
	if got.code != 0 || got.out != "job j-3: 2 applied\n" || !strings.HasPrefix(got.err, "job j-3: 2 items of job j-2 that failed\n[####") {
		t.Errorf("%+v", got)
	}
	r := lastAsked[*provisioningv1.RetryJobRequest](t, f)
	if r.RequestId != "retry-j-2" || r.Priority != provisioningv1.Priority_PRIORITY_URGENT || r.Actor != currentUser() {
		t.Errorf("asked for %v", r)
	}
	got = f.run(t, nil, "retry", "j-2", "--request-id", "again", "--detach")
	if r := lastAsked[*provisioningv1.RetryJobRequest](t, f); r.RequestId != "again" || r.Priority != 0 {
		t.Errorf("asked for %v", r)
	}
	if got.code != 0 || got.out != "job j-3: busyhour provision watch j-3\n" || got.err != "" {
		t.Errorf("detached: %+v", got)
	}
	if got = f.run(t, nil, "retry", "j-2", "--detach", "-o", "json"); !slices.Equal(jobLines(t, got.out), []string{"j-3"}) {
		t.Errorf("as JSON: %+v", got)
	}
}

func TestTheExitCodeSaysHowAJobEnded(t *testing.T) {
	for id, want := range map[string]struct {
		code      int
		out, says string
	}{
		"j-3": {0, "job j-3: 2 applied\n", ""},
		"j-2": {2, "job j-2: 3 applied, 2 failed\n", "of 5 items of job j-2 2 failed; the rest are applied. Which, and why: busyhour provision outcomes j-2 --failed; " +
			"those that failed once more: busyhour provision retry j-2"},
		"j-1": {2, "job j-1: 2 applied, 1 failed, 2 cancelled\n", "1 failed and 2 were cancelled; the rest"},
		"j-0": {1, "", "job j-0 of tenant demo: not_found: there is no such job"},
	} {
		got := someJobs().run(t, nil, "watch", id)
		if got.code != want.code || got.out != want.out || want.says != "" && !strings.Contains(got.problem.Error(), want.says) {
			t.Errorf("%s: %+v", id, got)
		}
	}
	f := &fakeJobs{jobs: []*provisioningv1.Job{{Id: "j", Total: 3, Applied: 1, Cancelled: 2}}}
	got := f.run(t, nil, "watch", "j")
	if got.code != 2 || !strings.HasSuffix(got.problem.Error(), "2 were cancelled; the rest are applied. Which, and why: busyhour provision outcomes j") {
		t.Errorf("%+v", got)
	}
}

func TestARefusalNamesWhatWasAskedFor(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"show", "j-0"}, "job j-0 of tenant demo: not_found"},
		{[]string{"pause", "j-0"}, "pause job j-0 of tenant demo: not_found"},
		{[]string{"resume", "j-0"}, "resume job j-0 of tenant demo: not_found"},
		{[]string{"cancel", "j-0", "-y"}, "cancel job j-0 of tenant demo: not_found"},
		{[]string{"retry", "j-0"}, "retry job j-0 of tenant demo: failed_precondition: no item of it failed"},
		{[]string{"retry", "j-2", "--priority", "high"}, `"high": there are bulk, normal and urgent`},
		{[]string{"retry", "j-2", "--priority", "unspecified"}, `"unspecified": there are`},
		{[]string{"list", "--limit", "0"}, "limit 0: ask for at least 1"},
		{[]string{"outcomes", "j-4", "--failed", "--applied"}, "none of the others can be"},
	} {
		got := someJobs().run(t, nil, c.args...)
		if got.code != 1 || !strings.Contains(got.problem.Error(), c.says) || got.out != "" {
			t.Errorf("%v: %+v, want a word of %q", c.args, got, c.says)
		}
	}
}

func TestAnImportNamesItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new hires.csv")
	if err := os.WriteFile(path, []byte("id,name\nann,Ann\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for from, name := range map[string]string{path: "new hires.csv", "-": "stdin"} {
		f := someJobs()
		got := f.run(t, strings.NewReader("id,name\nann,Ann\n"), "import", from, "--format", "csv", "--priority", "bulk", "--detach")
		h, content := f.asked[0].(*provisioningv1.UploadJobRequest).Header, lastAsked[*provisioningv1.UploadJobRequest](t, f).Chunk
		if got.code != 0 || h.FileName != name || h.Priority != provisioningv1.Priority_PRIORITY_BULK || string(content) != "id,name\nann,Ann\n" {
			t.Errorf("import %s: %v, sent %v and %q", from, got.problem, h, content)
		}
		if want := "all is taken\njob j-4: busyhour provision watch j-4\n"; got.out != want {
			t.Errorf("import %s says %q", from, got.out)
		}
	}
}

func TestOutcomesAreThoseAskedFor(t *testing.T) {
	const heading = "number,agent,outcome,reason,attempts,at,entity,note\n"
	for flag, want := range map[string]string{
		"--applied":      "1,ann,applied,,0,,agent/ann,\n",
		"--failed":       "2,ben,failed,409,0,,agent/ben,\n",
		"--cancelled":    "3,,cancelled,,0,,queue/sales,\n",
		"--output=text":  "1,ann,applied,,0,,agent/ann,\n2,ben,failed,409,0,,agent/ben,\n3,,cancelled,,0,,queue/sales,\n",
		"--failed=false": "1,ann,applied,,0,,agent/ann,\n2,ben,failed,409,0,,agent/ben,\n3,,cancelled,,0,,queue/sales,\n",
	} {
		if got := someJobs().run(t, nil, "outcomes", "j-1", flag); got.code != 0 || got.out != heading+want {
			t.Errorf("%s: %v\n%s", flag, got.problem, got.out)
		}
	}
	got := someJobs().run(t, nil, "outcomes", "j-1", "--cancelled", "-o", "json")
	o := &provisioningv1.Outcome{}
	if err := protojson.Unmarshal([]byte(got.out), o); err != nil || o.Number != 3 {
		t.Errorf("%q: %v", got.out, err)
	}
}

// A file that lacks some looks whole to whoever opens it.
func TestOutcomesAreNotExportedDuringARebuild(t *testing.T) {
	f := someJobs()
	f.rebuilding = true
	if got := f.run(t, nil, "outcomes", "j-1"); got.code != 1 || !strings.Contains(got.problem.Error(), "items of job j-1 of tenant demo: the tenant's state is being rebuilt") {
		t.Errorf("%+v", got)
	}
}

func TestHelpSaysTheExitCodes(t *testing.T) {
	for _, args := range [][]string{{"provision", "--help"}, {"provision", "watch", "--help"}} {
		got, err := run(t, args...)
		if said := strings.Join(strings.Fields(got), " "); err != nil || !strings.Contains(said, "2 if some failed or were cancelled") {
			t.Errorf("%v: %v\n%s", args, err, got)
		}
	}
}
