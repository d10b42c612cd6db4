package fleet

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticks per second of the times in /proc; 100 on every Linux that Go runs on.
const ticks = 100

// CPU is the processor time that a process has taken so far.
func CPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name may hold spaces, so count from behind its bracket: utime and stime are the 12th and 13th from there.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("/proc/%d/stat: times %q and %q", pid, fields[11], fields[12])
	}
	return time.Duration(user+system) * time.Second / ticks, nil
}

// Metric is a counter or gauge of the process, by the value of one label; without the label in one sum under "".
func (p *Process) Metric(ctx context.Context, name, label string) (map[string]float64, error) {
	body, err := p.get(ctx, "/metrics")
	if err != nil {
		return nil, fmt.Errorf("metrics of %s: %w", p.Name, err)
	}
	return sums(body, name, label), nil
}

func sums(metrics, name, label string) map[string]float64 {
	by := map[string]float64{}
	lines := bufio.NewScanner(strings.NewReader(metrics))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue // a longer name, or a comment
		}
		v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
		if err == nil {
			by[labelOf(rest, label)] += v
		}
	}
	return by
}

// labelOf finds the value of a label between {}.
func labelOf(labels, name string) string {
	_, after, ok := strings.Cut(labels, name+`="`)
	if name == "" || !ok {
		return ""
	}
	value, _, _ := strings.Cut(after, `"`)
	return value
}

// Sample is one series of a process's metrics.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// Samples of the metrics with these names.
func (p *Process) Samples(ctx context.Context, names map[string]bool) ([]Sample, error) {
	body, err := p.get(ctx, "/metrics")
	if err != nil {
		return nil, fmt.Errorf("metrics of %s: %w", p.Name, err)
	}
	return samples(body, names), nil
}

func samples(metrics string, names map[string]bool) (all []Sample) {
	for line := range strings.Lines(metrics) {
		name, _, _ := strings.Cut(line, " ")
		name, rest, labelled := strings.Cut(name, "{")
		if !names[name] {
			continue
		}
		s := Sample{Name: name}
		end := strings.LastIndexByte(line, ' ')
		if labelled {
			s.Labels = labels(rest[:strings.LastIndexByte(rest, '}')])
		}
		var err error
		if s.Value, err = strconv.ParseFloat(strings.TrimSpace(line[end:]), 64); err == nil {
			all = append(all, s)
		}
	}
	return all
}

// labels of our own metrics: their values hold no commas.
func labels(text string) map[string]string {
	all := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		k, v, _ := strings.Cut(pair, "=")
		all[k] = strings.Trim(v, `"`)
	}
	return all
}
