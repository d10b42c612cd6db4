package job

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// Limits of what is read for one job.
type Limits struct {
	Bytes int64
	Items int
}

var (
	// InMessage are the limits of a file that comes in one message.
	InMessage = Limits{Bytes: 3 << 20, Items: 10_000}
	// InStream are those of a file, or of items, that come in many.
	InStream = Limits{Bytes: 64 << 20, Items: 100_000}
)

// longestLine, in bytes: more than an agent with everything there may be.
const longestLine = 256 << 10

var (
	errTooLong  = errors.New("the file has too many bytes")
	errLongLine = errors.New("the line has too many bytes")
)

// capped reads no more than so many bytes, and then says errTooLong.
type capped struct {
	io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left < 0 {
		return 0, errTooLong
	}
	n, err := c.Reader.Read(p[:min(int64(len(p)), c.left+1)])
	if c.left -= int64(n); c.left < 0 {
		return n - 1, errTooLong
	}
	return n, err
}

// lineCapped says errLongLine when more was read than a line may have since somebody set it back to zero.
type lineCapped struct {
	io.Reader
	read int
}

func (l *lineCapped) Read(p []byte) (int, error) {
	if l.read > longestLine {
		return 0, errLongLine
	}
	n, err := l.Reader.Read(p)
	l.read += n
	return n, err
}

// Tally knows which file it is that is read through it.
type Tally struct {
	io.Reader
	hash  hash.Hash
	bytes uint64
}

// NewTally makes one.
func NewTally(r io.Reader) *Tally { return &Tally{Reader: r, hash: sha256.New()} }

// Read implements io.Reader.
func (t *Tally) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.hash.Write(p[:n])
	t.bytes += uint64(n)
	return n, err
}

// File is what was read so far.
func (t *Tally) File(name string) *provisioningv1.File {
	return &provisioningv1.File{Name: name, Sha256: t.hash.Sum(nil), Bytes: t.bytes}
}
