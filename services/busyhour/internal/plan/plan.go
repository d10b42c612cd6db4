// Package plan prints the topic plan and brings a Kafka cluster to it.
package plan

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// Table writes the plan for people.
func Table(w io.Writer, plan []topics.Topic) error {
	t := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TOPIC\tPARTITIONS\tKEY\tCLEANUP\tGROUPS\tGROWTH\tPURPOSE")
	for _, p := range plan {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", p.Name, p.Partitions, p.Key, cleanup(p), dash(strings.Join(p.Groups, ", ")), p.Growth, p.Purpose)
	}
	return t.Flush()
}

func cleanup(p topics.Topic) string {
	if p.Cleanup == topics.Compact {
		return "compact"
	}
	return "delete, " + days(p.Retention)
}

func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	}
	return d.String()
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// line is one topic in JSON; its fields are kept.
type line struct {
	Topic       string   `json:"topic"`
	Partitions  int32    `json:"partitions"`
	Key         string   `json:"key"`
	Cleanup     string   `json:"cleanup_policy"`
	RetentionMs int64    `json:"retention_ms,omitempty"`
	Groups      []string `json:"groups"`
	Growth      string   `json:"growth"`
	Purpose     string   `json:"purpose"`
}

// JSON writes the plan for programs.
func JSON(w io.Writer, plan []topics.Topic) error {
	lines := make([]line, len(plan))
	for i, p := range plan {
		lines[i] = line{p.Name, p.Partitions, p.Key, string(p.Cleanup), p.Retention.Milliseconds(), append([]string{}, p.Groups...), p.Growth, p.Purpose}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(lines)
}

// Specs are the plan as eventlog takes it.
func Specs(plan []topics.Topic) []eventlog.TopicSpec {
	specs := make([]eventlog.TopicSpec, len(plan))
	for i, p := range plan {
		specs[i] = eventlog.TopicSpec{Name: p.Name, Partitions: p.Partitions, Cleanup: string(p.Cleanup), Retention: p.Retention}
	}
	return specs
}

const askPause = 500 * time.Millisecond // between two questions whether a broker is there

// Await waits for a broker that answers, at most so long; not at all if that is nothing.
func Await(ctx context.Context, cfg eventlog.Config, atMost time.Duration) error {
	if atMost <= 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	tick := time.NewTicker(askPause)
	defer tick.Stop()
	for {
		err := eventlog.Reachable(cfg)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no broker of %v answers: %w", cfg.Brokers, err)
		case <-tick.C:
		}
	}
}

// Apply creates what is missing and says what is there and differs; nothing that exists is changed. The error is also
// about differences that break a promise.
func Apply(ctx context.Context, w io.Writer, cfg eventlog.Config, plan []topics.Topic, replication int16) error {
	report, err := eventlog.Ensure(ctx, cfg, Specs(plan), replication)
	for _, name := range report.Created {
		fmt.Fprintf(w, "created  %s\n", name)
	}
	for _, name := range report.AsPlanned {
		fmt.Fprintf(w, "as plan  %s\n", name)
	}
	for _, d := range report.Differs {
		word := "DIFFERS"
		if d.Harmless {
			word = "more   "
		}
		fmt.Fprintf(w, "%s  %s\n", word, d)
	}
	if err != nil && report.Err() != nil {
		return fmt.Errorf("%d topics are not as planned; nothing that exists was changed", breaking(report))
	}
	return err
}

// breaking counts the topics with a difference that breaks a promise.
func breaking(r eventlog.Report) int {
	names := map[string]bool{}
	for _, d := range r.Differs {
		if !d.Harmless {
			names[d.Topic] = true
		}
	}
	return len(names)
}
