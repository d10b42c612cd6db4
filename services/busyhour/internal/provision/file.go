package provision

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// longestFile that is taken, in bytes.
const longestFile = 64 << 20

// File is one to be imported. It can be read several times: once for its hash, and again if an instance is away.
type File struct {
	io.ReadSeeker
	Name   string
	format provisioningv1.FileFormat
	bytes  int64
	hash   []byte
	close  func() error
}

// Open opens a file, or with "-" takes what comes in. It refuses early what is too long or of no format.
func Open(name, format string, in io.Reader) (*File, error) {
	f := &File{Name: name, close: func() error { return nil }}
	var err error
	if f.format, err = formatOf(name, format); err != nil {
		return nil, err
	}
	if name == "-" {
		err = f.keep(in)
	} else {
		err = f.open()
	}
	if err == nil {
		err = f.weigh()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Close closes it.
func (f *File) Close() error { return f.close() }

// keep reads all that comes in into memory, for it can be read only once.
func (f *File) keep(in io.Reader) error {
	b, err := io.ReadAll(io.LimitReader(in, longestFile+1))
	f.ReadSeeker = bytes.NewReader(b)
	return err
}

func (f *File) open() error {
	file, err := os.Open(f.Name)
	if err == nil {
		f.ReadSeeker, f.close = file, file.Close
	}
	return err
}

// weigh reads it once, and no more of it than is taken.
func (f *File) weigh() (err error) {
	sum := sha256.New()
	if f.bytes, err = io.Copy(sum, io.LimitReader(f, longestFile+1)); err != nil {
		return err
	}
	f.hash = sum.Sum(nil)
	switch {
	case f.bytes == 0:
		return fmt.Errorf("%s is empty", f.Name)
	case f.bytes > longestFile:
		return fmt.Errorf("%s has more than %d MiB; split it", f.Name, longestFile>>20)
	}
	return nil
}

// Describe says in the header what it is. A request id that was not given follows from what is in the file: the same file
// is the same request.
func (f *File) Describe(h *provisioningv1.UploadHeader) {
	h.Format, h.Bytes, h.FileName = f.format, uint64(f.bytes), filepath.Base(f.Name)
	if f.Name == "-" {
		h.FileName = "stdin"
	}
	if h.RequestId == "" {
		h.RequestId = "file-" + hex.EncodeToString(f.hash[:16])
	}
}

// formats of files, by how their names end and what --format says.
var formats = map[string]provisioningv1.FileFormat{
	"csv":    provisioningv1.FileFormat_FILE_FORMAT_CSV,
	"jsonl":  provisioningv1.FileFormat_FILE_FORMAT_JSON_LINES,
	"ndjson": provisioningv1.FileFormat_FILE_FORMAT_JSON_LINES,
}

func formatOf(name, said string) (provisioningv1.FileFormat, error) {
	if said == "" {
		said = name[strings.LastIndexByte(name, '.')+1:]
	}
	format, known := formats[strings.ToLower(said)]
	if !known {
		return 0, fmt.Errorf("%s: %q is no format that is known; say --format csv or --format jsonl", name, said)
	}
	return format, nil
}
