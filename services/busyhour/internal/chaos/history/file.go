package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Recorder writes a history. Anybody may record at any time; it never blocks on anything but the disk.
type Recorder struct {
	began time.Time

	mu   sync.Mutex
	out  *bufio.Writer
	json *json.Encoder
	err  error // the first
}

// NewRecorder begins a history with its Run.
func NewRecorder(w io.Writer, run Run) *Recorder {
	out := bufio.NewWriterSize(w, 1<<20)
	r := &Recorder{began: run.Began, out: out, json: json.NewEncoder(out)}
	r.Record(Record{Run: &run})
	return r
}

// Now is the present moment of the run.
func (r *Recorder) Now() Moment { return time.Since(r.began) }

// MomentOf is the moment of a time by this machine's clock.
func (r *Recorder) MomentOf(t time.Time) Moment { return t.Sub(r.began) }

// Record writes one thing down. A zero At means now.
func (r *Recorder) Record(rec Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec.At == 0 && rec.Run == nil {
		rec.At = r.Now() // with the lock, so that lines are in the order of their moments
	}
	if r.err == nil {
		r.err = r.json.Encode(rec)
	}
}

// Close writes out what is buffered, and says if anything could not be written. The file is the caller's to close.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.err, r.out.Flush())
}

// History is a whole run, by kind; each list in the order in which it was recorded.
type History struct {
	Run      Run
	Agents   []Agent
	Signals  []At[Signal]
	Commands []Command
	Reads    []Read
	Views    []At[View]
	// Events by topic and partition in the order of offsets, whatever order they were recorded in.
	Events  []At[Event]
	Faults  []At[Fault]
	Stored  []Stored
	Indexes []Index
	Marks   []Mark
	Metrics []At[Metric]
	// Quiet is when it became quiet; zero: it never did.
	Quiet Moment
	// End is the last moment recorded.
	End Moment
}

// At is a thing with the moment at which it was recorded.
type At[T any] struct {
	At Moment
	It T
}

// Load reads a history. A last line that was cut off is left out.
func Load(r io.Reader) (*History, error) {
	h := &History{}
	in := json.NewDecoder(bufio.NewReaderSize(r, 1<<20))
	for line := 1; ; line++ {
		var rec Record
		switch err := in.Decode(&rec); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			h.sort()
			return h, nil
		case err != nil:
			return nil, fmt.Errorf("history, record %d: %w", line, err)
		}
		h.Add(rec)
	}
}

// Add takes one record in. Sort must follow the last, which Load and Of see to.
func (h *History) Add(r Record) {
	h.End = max(h.End, r.At)
	switch {
	case r.Run != nil:
		h.Run = *r.Run
	case r.Agent != nil:
		h.Agents = append(h.Agents, *r.Agent)
	case r.Signal != nil:
		h.Signals = append(h.Signals, At[Signal]{r.At, *r.Signal})
	case r.Command != nil:
		h.Commands = append(h.Commands, *r.Command)
	case r.Read != nil:
		h.Reads = append(h.Reads, *r.Read)
	case r.View != nil:
		h.Views = append(h.Views, At[View]{r.At, *r.View})
	case r.Event != nil:
		h.Events = append(h.Events, At[Event]{r.At, *r.Event})
	case r.Fault != nil:
		h.Faults = append(h.Faults, At[Fault]{r.At, *r.Fault})
	case r.Quiet != nil:
		h.Quiet = r.At
	case r.Stored != nil:
		h.Stored = append(h.Stored, *r.Stored)
	case r.Index != nil:
		h.Indexes = append(h.Indexes, *r.Index)
	case r.Mark != nil:
		h.Marks = append(h.Marks, *r.Mark)
	case r.Metric != nil:
		h.Metrics = append(h.Metrics, At[Metric]{r.At, *r.Metric})
	}
}

// Of is the history of these records.
func Of(records ...Record) *History {
	h := &History{}
	for _, r := range records {
		h.Add(r)
	}
	h.sort()
	return h
}
