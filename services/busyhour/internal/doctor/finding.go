// Package doctor looks at a deployment from outside: the servers that it stands on, its topics, and its pods. It changes
// nothing, and says of everything that is not well how to mend it.
//
//	configuration ─▶ redis, kafka, nats, pods, side by side ─▶ findings ─▶ table or JSON, exit code
package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
)

// Level says how bad it is.
type Level string

// From well to broken. What warns works today, and will hurt on the day that something else fails.
const (
	OK   Level = "ok"
	Warn Level = "warn"
	Fail Level = "fail"
)

var rank = map[Level]int{OK: 0, Warn: 1, Fail: 2}

// Finding is one thing that was looked at.
type Finding struct {
	Level Level `json:"level"`
	// About is what was looked at: redis, kafka, nats, or a pod; Check is which thing of it.
	About string `json:"about"`
	Check string `json:"check"`
	// Found is how it is.
	Found string `json:"found"`
	// Mend says what to do; empty if nothing is to be done.
	Mend string `json:"mend,omitempty"`
}

// Findings collects from several goroutines.
type Findings struct {
	mu  sync.Mutex
	all []Finding
}

// All in the order of what they are about; within that as they were found.
func (f *Findings) All() []Finding {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := slices.Clone(f.all)
	slices.SortStableFunc(all, func(a, b Finding) int { return cmp.Compare(a.About, b.About) })
	return all
}

// Worst of them.
func Worst(all []Finding) Level {
	worst := OK
	for _, f := range all {
		if rank[f.Level] > rank[worst] {
			worst = f.Level
		}
	}
	return worst
}

// about is where the findings about one thing go.
type about struct {
	*Findings
	what string
}

func (f *Findings) about(what string) about { return about{f, what} }

func (a about) add(level Level, check, found, mend string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, Finding{level, a.what, check, found, mend})
}

func (a about) ok(check, format string, args ...any) {
	a.add(OK, check, fmt.Sprintf(format, args...), "")
}

func (a about) warn(check, mend, format string, args ...any) {
	a.add(Warn, check, fmt.Sprintf(format, args...), mend)
}

func (a about) fail(check, mend, format string, args ...any) {
	a.add(Fail, check, fmt.Sprintf(format, args...), mend)
}

// grade is ok below warn, and fails from fail on.
func grade[T cmp.Ordered](value, warn, fail T) Level {
	switch {
	case value >= fail:
		return Fail
	case value >= warn:
		return Warn
	}
	return OK
}
