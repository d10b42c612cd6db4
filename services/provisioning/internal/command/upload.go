package command

import (
	"cmp"
	"context"
	"io"

	"connectrpc.com/connect"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/flow"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

// UploadJob takes a file in chunks, or items, all or none. It answers as soon as a limit is passed, however much more would
// come.
func (j *Job) UploadJob(ctx context.Context, stream *connect.ClientStream[provisioningv1.UploadJobRequest]) (*connect.Response[provisioningv1.UploadJobResponse], error) {
	u := &upload{stream: stream}
	h, err := u.begin()
	if err != nil {
		return nil, err
	}
	o := job.Order{Tenant: h.GetTenant(), RequestID: h.GetRequestId(), Actor: actorOf(ctx, h.GetActor()), Priority: h.GetPriority()}
	im, err := u.read(&o)
	if err != nil {
		return nil, err
	}
	if !h.GetDryRun() {
		made, err := j.flow.Import(ctx, o, im)
		return uploaded(im, made, nil, false), err
	}
	would, err := j.flow.Preview(ctx, o.Tenant, o.Actor, im)
	return uploaded(im, nil, would, true), err
}

func uploaded(im *job.Import, made *provisioningv1.Job, would *flow.Preview, dryRun bool) *connect.Response[provisioningv1.UploadJobResponse] {
	res := &provisioningv1.UploadJobResponse{Job: made, Errors: im.Errors, ErrorCount: uint32(im.Wrong), Lines: uint32(im.Read)}
	if would != nil {
		res.Differences, res.Counts = would.Differences, would.Counts
	}
	res.Summary = im.Says(dryRun, res.Counts)
	return connect.NewResponse(res)
}

// upload is what comes in a stream: a header, and then chunks of a file, which it reads as one, or items.
type upload struct {
	stream *connect.ClientStream[provisioningv1.UploadJobRequest]
	header *provisioningv1.UploadHeader
	chunk  []byte // what has come of the file and was not read
}

// begin reads the header, which comes alone.
func (u *upload) begin() (*provisioningv1.UploadHeader, error) {
	if !u.stream.Receive() {
		if err := u.stream.Err(); err != nil {
			return nil, err
		}
		return nil, badUpload("there was no message")
	}
	first := u.stream.Msg()
	switch u.header = first.GetHeader(); {
	case u.header == nil:
		return nil, badUpload("the first message has no header")
	case u.header.GetBytes() > uint64(job.InStream.Bytes):
		return nil, refusal.New(refusal.Invalid, "TOO_LARGE", "the file has %d bytes, at most %d are taken", u.header.GetBytes(), job.InStream.Bytes).
			To("split it")
	case len(first.GetChunk()) > 0 || len(first.GetItems()) > 0:
		return nil, badUpload("the header's message has more than the header")
	}
	return u.header, nil
}

func badUpload(why string) error {
	return refusal.New(refusal.Invalid, "BAD_UPLOAD", "%s", why).
		To("send the header, then messages with a chunk of the file each, or with items if the format says so")
}

// read reads all that comes, and says in the order which file it was.
func (u *upload) read(o *job.Order) (im *job.Import, err error) {
	if u.header.GetFormat() == provisioningv1.FileFormat_FILE_FORMAT_ITEMS {
		return job.ReadItems(u.items, job.InStream)
	}
	tally := job.NewTally(u)
	if u.header.GetFormat() == provisioningv1.FileFormat_FILE_FORMAT_JSON_LINES {
		im, err = job.ReadJSONLines(tally, job.InStream)
	} else {
		im, err = job.ReadCSV(tally, job.InStream)
	}
	if err != nil || im.Wrong > 0 {
		return im, err
	}
	o.File = tally.File(u.header.GetFileName())
	return im, u.whole(o.File.GetBytes())
}

// whole refuses a file that is not as long as it should be. Half a file can look like a whole one.
func (u *upload) whole(bytes uint64) error {
	if should := u.header.GetBytes(); should != 0 && should != bytes {
		return refusal.New(refusal.Invalid, "CUT_SHORT", "%d bytes came, and the header says that the file has %d", bytes, should).
			To("send it again")
	}
	return nil
}

// Read implements io.Reader: the file.
func (u *upload) Read(p []byte) (int, error) {
	for len(u.chunk) == 0 {
		m, err := u.next()
		if err != nil {
			return 0, err
		}
		if len(m.GetItems()) > 0 {
			return 0, badUpload("items in the upload of a file")
		}
		u.chunk = m.GetChunk()
	}
	n := copy(p, u.chunk)
	u.chunk = u.chunk[n:]
	return n, nil
}

func (u *upload) items() ([]*provisioningv1.Item, error) {
	m, err := u.next()
	if err == nil && len(m.GetChunk()) > 0 {
		err = badUpload("a chunk of a file in an upload of items")
	}
	return m.GetItems(), err
}

func (u *upload) next() (*provisioningv1.UploadJobRequest, error) {
	if !u.stream.Receive() {
		return nil, cmp.Or(u.stream.Err(), io.EOF)
	}
	if u.stream.Msg().GetHeader() != nil {
		return nil, badUpload("a second header")
	}
	return u.stream.Msg(), nil
}
