package nemesis

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/stage"
)

func setting(layout stage.Layout) Setting {
	return Setting{
		Layout: layout, Clocks: true, Tenants: []string{"acme", "globex"}, Services: []string{"call-routing", "agent-presence"},
		Pods: []string{"call-routing-1", "call-routing-2", "agent-presence-1", "agent-presence-2"},
	}
}

func TestASeedGivesTheSameFaults(t *testing.T) {
	one, two := Plan(7, time.Hour, setting(stage.Sentinel)), Plan(7, time.Hour, setting(stage.Sentinel))
	if !reflect.DeepEqual(one, two) {
		t.Error("the same seed, other faults")
	}
	if reflect.DeepEqual(one, Plan(8, time.Hour, setting(stage.Sentinel))) {
		t.Error("another seed, the same faults")
	}
	if more := Plan(7, 2*time.Hour, setting(stage.Sentinel)); !reflect.DeepEqual(one, more[:len(one)]) {
		t.Error("a longer run begins otherwise than a shorter")
	}
}

func TestAnHourHasAHundredFaultsOfEveryKind(t *testing.T) {
	for _, layout := range []stage.Layout{stage.Sentinel, stage.Cluster} {
		faults, kinds := Plan(1, time.Hour, setting(layout)), map[string]bool{}
		for _, f := range faults {
			kinds[f.Kind] = true
		}
		if len(faults) < 100 || len(kinds) < 12 || len(kinds) != len(Kinds(setting(layout))) {
			t.Errorf("%s: %d faults of %d kinds", layout, len(faults), len(kinds))
		}
	}
}

func TestFaultsOfOneRealmDoNotOverlapAndAllEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		span := time.Duration(rapid.Int64Range(int64(time.Minute), int64(time.Hour)).Draw(t, "span"))
		faults := Plan(rapid.Uint64().Draw(t, "seed"), span, setting(stage.Sentinel))
		for i, f := range faults {
			if f.For <= 0 || f.At < calm || f.At+f.For > span {
				t.Fatalf("fault %d does not fit into %s: %+v", i, span, f)
			}
			if i > 0 && f.At < faults[i-1].At {
				t.Fatalf("fault %d comes before the one before it: %+v, %+v", i, faults[i-1], f)
			}
			for _, g := range faults[:i] {
				if named(f.Kind).realm == named(g.Kind).realm && f.At < g.At+g.For {
					t.Fatalf("%+v begins while %+v is under way", f, g)
				}
			}
		}
	})
}

func TestWithoutABuildForItNoClockIsSkewed(t *testing.T) {
	s := setting(stage.Cluster)
	s.Clocks = false
	if slices.Contains(Kinds(s), skewKind) || slices.Contains(Kinds(s), "redis-read-only") || !slices.Contains(Kinds(s), "split") {
		t.Errorf("kinds are %v", Kinds(s))
	}
}

func TestATornAOFLosesItsEnd(t *testing.T) {
	dir := t.TempDir()
	if tear(dir, 0.5) == nil {
		t.Error("tore what is not there")
	}
	must(t, os.Mkdir(filepath.Join(dir, "appendonlydir"), 0o755))
	for name, size := range map[string]int{"appendonly.aof.9.incr.aof": 10, "appendonly.aof.10.incr.aof": 100, "appendonly.aof.10.base.rdb": 50} {
		must(t, os.WriteFile(filepath.Join(dir, "appendonlydir", name), []byte(strings.Repeat("x", size)), 0o600))
	}
	must(t, tear(dir, 0.25))
	var sizes []int64
	for _, name := range []string{"appendonly.aof.9.incr.aof", "appendonly.aof.10.incr.aof", "appendonly.aof.10.base.rdb"} {
		info, err := os.Stat(filepath.Join(dir, "appendonlydir", name))
		must(t, err)
		sizes = append(sizes, info.Size())
	}
	if !slices.Equal(sizes, []int64{10, 75, 50}) {
		t.Errorf("sizes are %v", sizes)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
