package provisioning_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
	"github.com/busyhour/busyhour/api/topics"
)

const (
	csvFile   = provisioningv1.FileFormat_FILE_FORMAT_CSV
	jsonLines = provisioningv1.FileFormat_FILE_FORMAT_JSON_LINES
	asItems   = provisioningv1.FileFormat_FILE_FORMAT_ITEMS
)

// header of an upload of the stage's tenant.
func (p *pod) header(request string, format provisioningv1.FileFormat) *provisioningv1.UploadHeader {
	return &provisioningv1.UploadHeader{Tenant: p.stage.tenant, RequestId: request, Actor: "test", Format: format, FileName: "people"}
}

// stream sends messages until nobody takes them any more, and reads the answer.
func (p *pod) stream(jobs provisioningv1connect.JobServiceClient, next func() *provisioningv1.UploadJobRequest) (*provisioningv1.UploadJobResponse, error) {
	s := jobs.UploadJob(p.stage.Context())
	for m := next(); m != nil; m = next() {
		if err := s.Send(m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
	}
	res, err := s.CloseAndReceive()
	if err != nil {
		return nil, err
	}
	return res.Msg, nil
}

func (p *pod) send(all ...*provisioningv1.UploadJobRequest) (*provisioningv1.UploadJobResponse, error) {
	return p.stream(p.jobs, func() (next *provisioningv1.UploadJobRequest) {
		if len(all) > 0 {
			next, all = all[0], all[1:]
		}
		return next
	})
}

// upload sends a file in chunks that end anywhere.
func (p *pod) upload(h *provisioningv1.UploadHeader, file string) *provisioningv1.UploadJobResponse {
	p.stage.Helper()
	all := []*provisioningv1.UploadJobRequest{{Header: h}}
	for chunk := range slices.Chunk([]byte(file), 7) {
		all = append(all, &provisioningv1.UploadJobRequest{Chunk: chunk})
	}
	res, err := p.send(all...)
	if err != nil {
		p.stage.Fatal(err)
	}
	return res
}

func (p *pod) uploadItems(h *provisioningv1.UploadHeader, items ...*provisioningv1.Item) *provisioningv1.UploadJobResponse {
	p.stage.Helper()
	all := []*provisioningv1.UploadJobRequest{{Header: h}}
	for some := range slices.Chunk(items, 3) {
		all = append(all, &provisioningv1.UploadJobRequest{Items: some})
	}
	res, err := p.send(all...)
	if err != nil {
		p.stage.Fatal(err)
	}
	return res
}

func TestTheSameFileTwiceChangesNothing(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	file := `{"kind":"upsert_queue","queue":{"id":"support","name":"Support","channel":"CHANNEL_VOICE"}}` + "\n" +
		`{"kind":"upsert_agent","agent":{"id":"ann","name":"Ann","queueIds":["support"]}}` + "\n"
	first := p.upload(p.header("r-1", jsonLines), file)
	if first.GetErrorCount() != 0 || first.GetLines() != 2 || first.GetSummary() != "all 2 lines were taken" {
		t.Fatalf("uploaded: %v", first)
	}
	j := p.ended(first.GetJob().GetId())
	sum := sha256.Sum256([]byte(file))
	if f := j.GetFile(); j.GetApplied() != 2 || f.GetName() != "people" || f.GetBytes() != uint64(len(file)) || !bytes.Equal(f.GetSha256(), sum[:]) {
		t.Errorf("ended as %v, want the file's name, size and hash %s", j, hex.EncodeToString(sum[:]))
	}
	events := len(s.read(topics.DirectoryEvents))
	if again := p.upload(p.header("r-1", jsonLines), file); !proto.Equal(again.GetJob(), j) {
		t.Errorf("the same request again: %v, want %v", again.GetJob(), j)
	}
	if other := p.ended(p.upload(p.header("r-2", jsonLines), file).GetJob().GetId()); other.GetApplied() != 2 {
		t.Errorf("the same file under another request: %v", other)
	}
	if now := len(s.read(topics.DirectoryEvents)); now != events {
		t.Errorf("%d changes of the directory, %d before", now, events)
	}
	if _, err := p.send(&provisioningv1.UploadJobRequest{Header: p.header("r-1", csvFile)}, &provisioningv1.UploadJobRequest{Chunk: []byte("id,name\nbob,Bob\n")}); refused(err) != "already_exists REQUEST_ID_TAKEN" {
		t.Errorf("another file under the same request: %v", err)
	}
}

// One bad line, and none is taken. What only the directory knows is said with the rest.
func TestAnUploadIsAllOrNothing(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	res := p.upload(p.header("r-1", csvFile), "id,name,queues,action\nann,Ann,sales,\nbob,,,create\ncat,,,delete\n")
	if res.GetJob() != nil || res.GetErrorCount() != 2 || res.GetErrors()[0].GetLine() != 2 || res.GetErrors()[0].GetProblem() != `queue "sales" does not exist` ||
		res.GetErrors()[1].GetLine() != 3 {
		t.Errorf("CSV: %v", res)
	}
	res = p.uploadItems(p.header("r-2", asItems), upsert("ann", "Ann"), deletion("-"), upsert("bob", ""), deletion("ann"))
	if res.GetJob() != nil || res.GetErrorCount() != 3 || res.GetErrors()[2].GetLine() != 4 || res.GetErrors()[2].GetProblem() != `"ann" stands on line 1 already` {
		t.Errorf("items: %v", res)
	}
	if n := len(s.read(topics.Requests)); n > 0 || len(p.agents()) > 0 {
		t.Errorf("%d requests, and nothing was to be taken", n)
	}
}

func (p *pod) mustCreateQueues(ids ...string) {
	p.stage.Helper()
	for _, id := range ids {
		if _, err := p.directory.CreateQueue(p.stage.Context(), p.stage.queue(id)); err != nil {
			p.stage.Fatal(err)
		}
	}
}

// The dry run says item by item what the real one then does.
func TestADryRunSaysWhatARealOneDoes(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	p.mustCreateQueues("support", "old", "kept")
	ann := &provisioningv1.Agent{Id: "ann", Name: "Ann", QueueIds: []string{"support", "old"}, Skills: []*commonv1.Skill{{Name: "english", Level: 50}}}
	bob := &provisioningv1.Agent{Id: "bob", Name: "Bob", QueueIds: []string{"kept"}}
	p.ended(p.mustCreate("r-0", of(upsertKind, ann), of(upsertKind, bob), upsert("cat", "Cat"), upsert("dan", "Dan")).GetId())

	anna := proto.CloneOf(ann)
	anna.Name, anna.Skills[0].Level, anna.QueueIds = "Anna", 80, []string{"support", "new"}
	stale := of(provisioningv1.Item_KIND_UPDATE_AGENT, &provisioningv1.Agent{Id: "cat", Name: "Kate"})
	stale.IfRevision = &commonv1.Revision{Epoch: 1, N: 99}
	items := []*provisioningv1.Item{
		queueItem(provisioningv1.Item_KIND_DELETE_QUEUE, "old"),
		queueItem(provisioningv1.Item_KIND_DELETE_QUEUE, "kept"),
		of(upsertKind, anna),
		of(upsertKind, bob),
		stale,
		of(provisioningv1.Item_KIND_DEACTIVATE_AGENT, &provisioningv1.Agent{Id: "dan"}),
		of(provisioningv1.Item_KIND_UPDATE_AGENT, &provisioningv1.Agent{Id: "eve", Name: "Eve"}),
		of(provisioningv1.Item_KIND_CREATE_AGENT, &provisioningv1.Agent{Id: "fay", Name: "Fay", QueueIds: []string{"new"}}),
		deletion("gus"),
		queueItem(provisioningv1.Item_KIND_UPSERT_QUEUE, "new"),
	}
	before := len(s.read(topics.DirectoryEvents))
	h := p.header("r-1", asItems)
	h.DryRun = true
	dry := p.uploadItems(h, items...)
	if dry.GetJob() != nil || len(s.read(topics.DirectoryEvents)) != before {
		t.Fatalf("a dry run took something: %v", dry)
	}
	if want := "all 10 lines are good: 2 would be created, 2 changed, 1 deleted, 2 are as they are, 3 would be refused; none was taken, for this was a dry run"; dry.GetSummary() != want {
		t.Errorf("says %q, want %q", dry.GetSummary(), want)
	}
	var told []string
	for _, d := range dry.GetDifferences() {
		told = append(told, fmt.Sprintf("%d %s %s %s%s", d.GetLine(), strings.TrimPrefix(d.GetAction().String(), "ACTION_"), d.GetEntity(), strings.Join(d.GetChanges(), ", "), d.GetReason()))
	}
	want := []string{
		"10 CREATE queue/new ",
		`3 UPDATE agent/ann name: "Ann" → "Anna", skill english: 50 → 80, queue +new, queue -old`,
		told[2], // the revision, below
		"6 UPDATE agent/dan active: true → false",
		"7 REFUSE agent/eve there is none of that id",
		"8 CREATE agent/fay ",
		"1 DELETE queue/old ",
		"2 REFUSE queue/kept 1 agents serve it: bob",
	}
	if !slices.Equal(told, want) || !strings.HasPrefix(told[2], "5 REFUSE agent/cat if_revision is 1.99, but it stands at ") {
		t.Errorf("says\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}

	h.DryRun = false
	j := p.ended(p.uploadItems(h, items...).GetJob().GetId())
	refuses := map[uint32]string{}
	for _, d := range dry.GetDifferences() {
		if d.GetAction() == provisioningv1.Difference_ACTION_REFUSE {
			refuses[d.GetLine()] = d.GetReason()
		}
	}
	for _, o := range p.outcomes(j.GetId()) {
		reason, refused := refuses[o.GetNumber()]
		if failed := o.GetOutcome() == provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED; failed != refused || !strings.HasPrefix(o.GetReason(), reason) {
			t.Errorf("item %d ended as %v, the dry run said %q", o.GetNumber(), o, reason)
		}
	}
	c := dry.GetCounts()
	if changes := len(s.read(topics.DirectoryEvents)) - before; changes != int(c.GetCreate()+c.GetUpdate()+c.GetDelete()) {
		t.Errorf("%d changes, the dry run said %v", changes, c)
	}
}

const upsertKind = provisioningv1.Item_KIND_UPSERT_AGENT

func of(kind provisioningv1.Item_Kind, a *provisioningv1.Agent) *provisioningv1.Item {
	return &provisioningv1.Item{Kind: kind, Agent: a}
}

// gigabyte is a file of a heading and the same line again and again, and counts how much of it was sent.
type gigabyte struct {
	header *provisioningv1.UploadHeader
	chunk  []byte
	sent   int
}

func (g *gigabyte) next() *provisioningv1.UploadJobRequest {
	if h := g.header; h != nil {
		g.header = nil
		return &provisioningv1.UploadJobRequest{Header: h}
	}
	if g.sent >= 1<<30 {
		return nil
	}
	g.sent += len(g.chunk)
	return &provisioningv1.UploadJobRequest{Chunk: g.chunk}
}

// h2 are clients as gRPC's are: over HTTP/2.
func (p *pod) h2() provisioningv1connect.JobServiceClient {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	p.stage.Cleanup(client.CloseIdleConnections)
	return provisioningv1connect.NewJobServiceClient(client, p.url, connect.WithGRPC())
}

func TestAGigabyteIsCutOffAtTheLimit(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	const ahead = 8 << 20 // what may be under way between us and the service
	blanks := strings.Repeat(strings.Repeat(" ", 200<<10)+"\n", 5)
	for name, c := range map[string]struct {
		jobs  provisioningv1connect.JobServiceClient
		chunk string
		most  int
		says  string
	}{
		"bytes": {p.h2(), blanks, 64 << 20, "the file has more than 67108864 bytes: split it"},
		"items": {p.h2(), strings.Repeat("{}\n", 200_000), 300_000, "the file has more than 100000 items: split it"},
	} {
		g := &gigabyte{header: p.header("r-"+name, jsonLines), chunk: []byte(c.chunk)}
		res, err := p.stream(c.jobs, g.next)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if all := res.GetErrors(); res.GetJob() != nil || len(all) == 0 || all[len(all)-1].GetProblem() != c.says {
			t.Errorf("%s: %d errors, the last %v, want one that says %s", name, len(all), all[max(0, len(all)-1):], c.says)
		}
		if g.sent > c.most+ahead {
			t.Errorf("%s: %d bytes were sent, the limit is at %d", name, g.sent, c.most)
		}
	}
	h := p.header("r-3", csvFile)
	h.Bytes = 1 << 30
	g := &gigabyte{header: h, chunk: []byte(blanks)}
	if _, err := p.stream(p.h2(), g.next); refused(err) != "invalid_argument TOO_LARGE" || g.sent > ahead {
		t.Errorf("a file that says how long it is: %v, after %d bytes", err, g.sent)
	}
}

func TestUploadsThatMakeNoSense(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	header := func(format provisioningv1.FileFormat) *provisioningv1.UploadJobRequest {
		return &provisioningv1.UploadJobRequest{Header: p.header("r-1", format)}
	}
	long := header(csvFile)
	long.Header.Bytes = 100
	chunk := &provisioningv1.UploadJobRequest{Chunk: []byte("id,name\nann,Ann\n")}
	items := &provisioningv1.UploadJobRequest{Items: []*provisioningv1.Item{upsert("ann", "Ann")}}
	for name, c := range map[string]struct {
		all  []*provisioningv1.UploadJobRequest
		want string
	}{
		"nothing":           {nil, "invalid_argument BAD_UPLOAD"},
		"no header":         {[]*provisioningv1.UploadJobRequest{chunk}, "invalid_argument BAD_UPLOAD"},
		"two headers":       {[]*provisioningv1.UploadJobRequest{header(csvFile), chunk, header(csvFile)}, "invalid_argument BAD_UPLOAD"},
		"items in a file":   {[]*provisioningv1.UploadJobRequest{header(csvFile), chunk, items}, "invalid_argument BAD_UPLOAD"},
		"a file in items":   {[]*provisioningv1.UploadJobRequest{header(asItems), items, chunk}, "invalid_argument BAD_UPLOAD"},
		"no format":         {[]*provisioningv1.UploadJobRequest{header(0), chunk}, "invalid_argument "},
		"half of the file":  {[]*provisioningv1.UploadJobRequest{long, chunk}, "invalid_argument CUT_SHORT"},
		"header with items": {[]*provisioningv1.UploadJobRequest{{Header: p.header("r-1", asItems), Items: items.Items}}, "invalid_argument BAD_UPLOAD"},
	} {
		if _, err := p.send(c.all...); strings.TrimSpace(refused(err)) != strings.TrimSpace(c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if n := len(s.read(topics.Requests)); n > 0 {
		t.Errorf("%d requests", n)
	}
}
