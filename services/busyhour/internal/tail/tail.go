package tail

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

// Config says what to show.
type Config struct {
	Kafka eventlog.Config
	Topic string
	// Tenant and Key, if they are given, leave out all others. What names no tenant and can't be decoded is shown for each.
	Tenant, Key string
	From        From
	// UntilEnd stops where the topic ended at the start; else it goes on with what comes.
	UntilEnd bool
	// JSON writes each record as one line of JSON.
	JSON bool
}

// From is where to begin. It is a flag, too.
type From struct {
	place string // beginning, end, or empty
	ago   time.Duration
}

// End is behind what is there.
var End = From{place: "end"}

func (f *From) String() string {
	if f.place != "" {
		return f.place
	}
	return f.ago.String()
}

// Type is for pflag.
func (f *From) Type() string { return "time" }

// Set reads "beginning", "end", or how long ago.
func (f *From) Set(s string) error {
	if s == "beginning" || s == "end" {
		*f = From{place: s}
		return nil
	}
	ago, err := time.ParseDuration(s)
	if err != nil || ago < 0 {
		return fmt.Errorf("%q: say beginning, end, or how long ago, for instance 10m", s)
	}
	*f = From{ago: ago}
	return nil
}

// Run shows the topic until ctx ends.
func Run(ctx context.Context, w io.Writer, cfg Config) error {
	reader, err := eventlog.OpenReader(ctx, cfg.Kafka)
	if err != nil {
		return err
	}
	defer reader.Close()
	last, err := eventlog.LastOffsets(ctx, cfg.Kafka, cfg.Topic)
	if err != nil {
		return err
	}
	from, err := cfg.begin(reader, last)
	if err != nil {
		return err
	}
	t := &teller{Config: cfg, out: w}
	if err := eventlog.ReadTopic(ctx, cfg.Kafka, cfg.Topic, from, last, t.tell); err != nil || cfg.UntilEnd {
		return quiet(ctx, err)
	}
	return quiet(ctx, reader.Follow(ctx, cfg.Topic, behind(last), t.tell))
}

func behind(last []int64) []int64 {
	next := make([]int64, len(last))
	for p := range last {
		next[p] = last[p] + 1
	}
	return next
}

// quiet: that it was stopped is no failure.
func quiet(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// begin gives the first offsets of what is there; nil is the oldest.
func (c Config) begin(reader *eventlog.Reader, last []int64) ([]int64, error) {
	switch c.From.place {
	case "beginning":
		return nil, nil
	case "end":
		return behind(last), nil
	}
	return reader.Since(c.Topic, time.Now().Add(-c.From.ago))
}

// teller writes records; partitions are read at the same time.
type teller struct {
	Config
	mu  sync.Mutex
	out io.Writer
}

func (t *teller) tell(m eventlog.Message) error {
	if t.Key != "" && t.Key != string(m.Key) {
		return nil
	}
	r := read(m)
	if t.Tenant != "" && !t.concerns(r) {
		return nil
	}
	text := r.line()
	if t.JSON {
		b, err := json.Marshal(r)
		if err != nil {
			return err
		}
		text = string(b)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, err := fmt.Fprintln(t.out, text)
	return err
}

// concerns says whether a record is the tenant's: a marker may name several, and of what has no tenant nobody knows.
func (t *teller) concerns(r Record) bool {
	if r.Tenant == "" {
		return r.Problem != "" || strings.Contains(string(r.Data), `"`+t.Tenant+`"`)
	}
	return r.Tenant == t.Tenant
}
