// Package observe knows what can be observed of Busyhour: it lists the metrics of all services from what they register,
// for docs/metrics.md.
package observe

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Metric is one line of the list.
type Metric struct {
	Name, Type, Help string
	Labels           []string
	Services         []string

	from prometheus.Collector
}

// Catalogue collects the metrics of several services.
type Catalogue struct {
	mu  sync.Mutex
	all map[string]*Metric
}

// Metrics are all metrics of ours, by name. Those of the Go runtime and the process are not.
func (c *Catalogue) Metrics() []Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Metric
	for _, name := range slices.Sorted(maps.Keys(c.all)) {
		m := *c.all[name]
		m.Type = typeOf(m.from, name) // only now: whoever registers may hold what a collector asks for
		all = append(all, m)
	}
	return all
}

// Registry is a registry of a service of which the catalogue hears.
func (c *Catalogue) Registry(service string) *Recorder {
	return &Recorder{Registry: prometheus.NewRegistry(), catalogue: c, service: service}
}

// Recorder is a registry that tells what is registered.
type Recorder struct {
	*prometheus.Registry
	catalogue *Catalogue
	service   string
}

// Register is prometheus.Registerer's.
func (r *Recorder) Register(c prometheus.Collector) error {
	if err := r.Registry.Register(c); err != nil {
		return err
	}
	r.catalogue.hear(r.service, c)
	return nil
}

// MustRegister is prometheus.Registerer's.
func (r *Recorder) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

func (c *Catalogue) hear(service string, collector prometheus.Collector) {
	descs := make(chan *prometheus.Desc)
	go func() { collector.Describe(descs); close(descs) }()
	c.mu.Lock()
	defer c.mu.Unlock()
	for d := range descs {
		m := described(d)
		if !strings.HasPrefix(m.Name, "busyhour_") {
			continue
		}
		if c.all == nil {
			c.all = map[string]*Metric{}
		}
		known, ok := c.all[m.Name]
		if !ok {
			m.from = collector
			known, c.all[m.Name] = &m, &m
		}
		if !slices.Contains(known.Services, service) {
			known.Services = append(known.Services, service)
		}
	}
}

var desc = regexp.MustCompile(`^Desc\{fqName: "([^"]*)", help: ("(?:[^"\\]|\\.)*"), (?:unit: "[^"]*", )?constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

// described reads what a Desc only says in words.
func described(d *prometheus.Desc) Metric {
	m := desc.FindStringSubmatch(d.String())
	if m == nil {
		panic("client_golang words its descriptions in another way now: " + d.String())
	}
	help, _ := strconv.Unquote(m[2])
	var labels []string
	for _, constant := range strings.FieldsFunc(m[3], func(r rune) bool { return r == ',' }) {
		name, _, _ := strings.Cut(constant, "=")
		labels = append(labels, name)
	}
	labels = append(labels, strings.FieldsFunc(m[4], func(r rune) bool { return r == ',' || r == ' ' })...)
	return Metric{Name: m[1], Help: help, Labels: labels}
}

// typeOf tells the type. Collectors of our own give gauges, and counters that are named so.
func typeOf(c prometheus.Collector, name string) string {
	switch c := c.(type) {
	case *prometheus.CounterVec:
		return "counter"
	case *prometheus.GaugeVec:
		return "gauge"
	case *prometheus.HistogramVec:
		return "histogram"
	case prometheus.Metric:
		var m dto.Metric
		if c.Write(&m) != nil {
			break
		}
		switch {
		case m.Counter != nil:
			return "counter"
		case m.Histogram != nil:
			return "histogram"
		}
		return "gauge"
	}
	if strings.HasSuffix(name, "_total") {
		return "counter"
	}
	return "gauge"
}

// conditional are what a process registers only if it is configured so, which those that are listed here are not.
var conditional = []Metric{{
	Name: "busyhour_certificate_expiry_timestamp_seconds", Type: "gauge", Labels: []string{"use"},
	Help: "When the certificate ends that this process shows, as it stands in its file now; only where one is configured.",
}}

const head = `# Metrics

Made from what the services register, by a test that fails when this page is not what they do
(` + "`go test ./services/busyhour/internal/observe -update`" + ` makes it anew). What to do when one alarms stands in
[runbooks.md](runbooks.md); the dashboards are in [charts/busyhour/dashboards](../charts/busyhour/dashboards).

Each service serves them at ` + "`/metrics`" + ` on ` + "`ops.listen`" + `, and those of the Go runtime and the process besides. Histograms that
measure time are native ones with classic buckets besides. No label names an agent, a call or a contact; at most a tenant
and a queue.

| name | type | labels | of | meaning |
|---|---|---|---|---|
`

// Write writes the page.
func Write(w io.Writer, all []Metric, services int) error {
	if _, err := io.WriteString(w, head); err != nil {
		return err
	}
	known := map[string]bool{}
	for _, m := range all {
		known[m.Name] = true
	}
	for _, m := range conditional {
		if !known[m.Name] {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b Metric) int { return strings.Compare(a.Name, b.Name) })
	for _, m := range all {
		of := "every service"
		if n := len(m.Services); n > 0 && n < services {
			of = strings.Join(slices.Sorted(slices.Values(m.Services)), ", ")
		}
		labels := strings.Join(m.Labels, ", ")
		if _, err := fmt.Fprintf(w, "| `%s` | %s | %s | %s | %s |\n", m.Name, m.Type, labels, of, strings.ReplaceAll(m.Help, "|", "\\|")); err != nil {
			return err
		}
	}
	return nil
}
