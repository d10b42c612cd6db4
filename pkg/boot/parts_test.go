package boot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// diary notes what the parts did, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

// part works until it is stopped, and takes that long to end.
func (d *diary) part(name string, takes time.Duration) Part {
	return Part{name, func(ctx context.Context) error {
		<-ctx.Done()
		d.note(name + " stopping")
		time.Sleep(takes)
		d.note(name + " ended")
		return ctx.Err()
	}}
}

func TestPartsStopInReverseOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := RunParts(ctx, zap.NewNop(), d.part("a", 0), d.part("b", time.Second), d.part("c", 3*time.Second)); err != nil {
			t.Error(err)
		}
		want := []string{"c stopping", "c ended", "b stopping", "b ended", "a stopping", "a ended"}
		if !slices.Equal(d.lines, want) {
			t.Errorf("got %q", d.lines)
		}
	})
}

func TestTheFirstFailureStopsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		broken := errors.New("broker away")
		fails := Part{"b", func(ctx context.Context) error { time.Sleep(time.Minute); return broken }}
		err := RunParts(t.Context(), zap.NewNop(), d.part("a", 0), fails, d.part("c", 0))
		if !errors.Is(err, broken) || err.Error() != "b: broker away" {
			t.Errorf("got %v", err)
		}
		if want := []string{"c stopping", "c ended", "a stopping", "a ended"}; !slices.Equal(d.lines, want) {
			t.Errorf("got %q", d.lines)
		}
	})
}

func TestAPartThatEndsUnaskedIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		err := RunParts(t.Context(), zap.NewNop(), d.part("a", 0), Part{"b", func(context.Context) error { return nil }})
		if err == nil || err.Error() != "b: ended by itself" {
			t.Errorf("got %v", err)
		}
	})
}

func TestFailuresWhileStoppingAreAllNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := func(name string) Part {
			return Part{name, func(ctx context.Context) error { <-ctx.Done(); return errors.New("flush " + name) }}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := RunParts(ctx, zap.NewNop(), failing("a"), failing("b"))
		if err == nil || err.Error() != "b: while stopping: flush b\na: while stopping: flush a" {
			t.Errorf("got %v", err)
		}
	})
}

func TestAPartKeepsTheValuesOfTheContextButNotItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "v"))
		cancel()
		entered := false
		err := RunParts(ctx, zap.NewNop(), Part{"a", func(ctx context.Context) error {
			entered = ctx.Value(key{}) == "v"
			<-ctx.Done()
			return nil
		}})
		if err != nil || !entered {
			t.Errorf("entered %v, %v", entered, err)
		}
	})
}

func TestASlowPartIsNamedInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		core, logs := observer.New(zap.WarnLevel)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := RunParts(ctx, zap.New(core), d.part("relay", 12*time.Second)); err != nil {
			t.Error(err)
		}
		if lines := logs.FilterMessage("still stopping").All(); len(lines) != 2 || lines[0].ContextMap()["part"] != "relay" {
			t.Errorf("got %v", lines)
		}
	})
}

func TestNoPartsIsNoWork(t *testing.T) {
	if err := RunParts(t.Context(), zap.NewNop()); err != nil {
		t.Error(err)
	}
}

func TestErrorsOfPartsCanBeTold(t *testing.T) {
	err := RunParts(t.Context(), zap.NewNop(), Part{"edge", func(context.Context) error { return errors.New("listen on :1: no") }})
	if err == nil || !strings.HasPrefix(err.Error(), "edge: listen on") {
		t.Errorf("got %v", err)
	}
}
