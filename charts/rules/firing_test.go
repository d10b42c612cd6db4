package rules

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	engine "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// The files under cases are unit tests in the form that promtool reads; annotations are not compared.
type caseFile struct {
	RuleFiles []string `yaml:"rule_files"`
	Interval  duration `yaml:"evaluation_interval"`
	Tests     []struct {
		Name        string   `yaml:"name"`
		Interval    duration `yaml:"interval"`
		InputSeries []struct {
			Series string `yaml:"series"`
			Values string `yaml:"values"`
		} `yaml:"input_series"`
		Alerts []expectation `yaml:"alert_rule_test"`
	} `yaml:"tests"`
}

type expectation struct {
	At    duration `yaml:"eval_time"`
	Alert string   `yaml:"alertname"`
	Want  []struct {
		Labels map[string]string `yaml:"exp_labels"`
	} `yaml:"exp_alerts"`
}

// duration is one of Prometheus', such as 1m30s.
type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := model.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	rules, tried := alerts(t), map[string]bool{}
	for _, path := range matching(t, "charts/rules/cases/*.yaml") {
		var f caseFile
		strict(t, path, &f)
		for _, file := range f.RuleFiles {
			read(t, filepath.Join(root, "charts/rules/cases", file))
		}
		for _, c := range f.Tests {
			t.Run(c.Name, func(t *testing.T) {
				var all []storage.Series
				for _, s := range c.InputSeries {
					all = append(all, series(t, s.Series+" "+s.Values, time.Duration(c.Interval)))
				}
				for _, e := range c.Alerts {
					tried[e.Alert] = tried[e.Alert] || len(e.Want) > 0
					expect(t, rules, e, all, time.Duration(f.Interval))
				}
			})
		}
	}
	for name := range rules {
		if !tried[name] {
			t.Errorf("no case makes %s fire", name)
		}
	}
}

func expect(t *testing.T, rules map[string]alert, e expectation, all []storage.Series, every time.Duration) {
	rule, ok := rules[e.Alert]
	if !ok {
		t.Fatalf("there is no alert %s", e.Alert)
	}
	var want []string
	for _, w := range e.Want {
		w.Labels["severity"] = rule.Labels["severity"]
		want = append(want, labels.FromMap(w.Labels).String())
	}
	got := firing(t, rule, all, time.Duration(e.At), every)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s at %s: it fires for %v, not for %v", e.Alert, time.Duration(e.At), got, want)
	}
}

// firing evaluates as Prometheus does: what was true at each evaluation for as long as the alert asks for is firing.
func firing(t *testing.T, a alert, all []storage.Series, at, every time.Duration) (fire []string) {
	active := map[string]time.Duration{}
	for now := time.Duration(0); now <= at; now += every {
		true_ := map[string]bool{}
		for _, labels := range evaluate(t, a, all, now) {
			true_[labels] = true
			if _, since := active[labels]; !since {
				active[labels] = now
			}
		}
		for l := range active {
			if !true_[l] {
				delete(active, l)
			}
		}
	}
	for l, since := range active {
		if at-since >= time.Duration(a.For) {
			fire = append(fire, l)
		}
	}
	return fire
}

func evaluate(t *testing.T, a alert, all []storage.Series, now time.Duration) (found []string) {
	e := engine.NewEngine(engine.EngineOpts{MaxSamples: 1e6, Timeout: 10 * time.Second, Parser: promql, LookbackDelta: 5 * time.Minute})
	q, err := e.NewInstantQuery(context.Background(), &storage.MockQueryable{MockQuerier: &storage.MockQuerier{SelectMockFunction: selecting(all)}},
		nil, a.Expr, time.Unix(0, 0).Add(now))
	if err != nil {
		t.Fatalf("%s: %v", a.Alert, err)
	}
	defer q.Close()
	result, err := q.Exec(context.Background()).Vector()
	if err != nil {
		t.Fatalf("%s: %v", a.Alert, err)
	}
	for _, s := range result {
		b := labels.NewBuilder(s.Metric)
		b.Del(labels.MetricName)
		for k, v := range a.Labels {
			b.Set(k, v)
		}
		found = append(found, b.Labels().String())
	}
	return found
}

func selecting(all []storage.Series) func(bool, *storage.SelectHints, ...*labels.Matcher) storage.SeriesSet {
	return func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		var found []storage.Series
		for _, s := range all {
			if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(s.Labels().Get(m.Name)) }) {
				found = append(found, s)
			}
		}
		return &list{storage.NoopSeriesSet(), found, -1}
	}
}

// list is a set of series that are all there.
type list struct {
	storage.SeriesSet
	all []storage.Series
	at  int
}

func (l *list) Next() bool         { l.at++; return l.at < len(l.all) }
func (l *list) At() storage.Series { return l.all[l.at] }

// series reads one in the notation of promtool: metric{labels} 0+1x10.
func series(t *testing.T, description string, every time.Duration) storage.Series {
	lset, values, err := promql.ParseSeriesDesc(description)
	if err != nil {
		t.Fatalf("%s: %v", description, err)
	}
	var samples []chunks.Sample
	for i, v := range values {
		if !v.Omitted && !math.IsNaN(v.Value) {
			samples = append(samples, sample{(time.Duration(i) * every).Milliseconds(), v.Value})
		}
	}
	return storage.NewListSeries(lset, samples)
}

type sample struct {
	t int64
	f float64
}

func (s sample) T() int64                      { return s.t }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.f }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }
func (s sample) String() string                { return fmt.Sprint(s.t, s.f) }
