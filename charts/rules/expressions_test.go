package rules

import (
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

var promql = parser.NewParser(parser.Options{})

// Grafana's variables, as they may stand in an expression.
var variables = strings.NewReplacer(
	"$__rate_interval", "5m", "$__range", "1h", "$__interval", "1m",
	"$tenant", "acme", "$queue", "support", "$job", "x", "$pod", "x",
)

func TestEveryExpressionParsesAndAsksForWhatThereIs(t *testing.T) {
	known := metrics(t)
	for name, a := range alerts(t) {
		check(t, "alert "+name, a.Expr, known)
	}
	for file, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				check(t, file+", "+p.Title, variables.Replace(target.Expr), known)
			}
		}
	}
}

func check(t *testing.T, where, expr string, known map[string]string) {
	parsed, err := promql.ParseExpr(expr)
	if err != nil {
		t.Errorf("%s: %v in %s", where, err, expr)
		return
	}
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok && !exists(v.Name, known) {
			t.Errorf("%s asks for %q, which docs/metrics.md does not list", where, v.Name)
		}
		return nil
	})
	if strings.Contains(expr, "agent_id") || strings.Contains(expr, "contact") && strings.Contains(expr, "by (contact") {
		t.Errorf("%s: by agent or contact", where)
	}
}

// exists also knows the series that Prometheus makes of a classic histogram.
func exists(name string, known map[string]string) bool {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, suffix); ok && known[base] == "histogram" {
			return true
		}
	}
	typ, ok := known[name]
	return ok && typ != "histogram"
}

func TestRatesAreOfCountersOnly(t *testing.T) {
	known := metrics(t)
	all := map[string]string{}
	for name, a := range alerts(t) {
		all["alert "+name] = a.Expr
	}
	for file, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				all[file+", "+p.Title+": "+target.LegendFormat] = variables.Replace(target.Expr)
			}
		}
	}
	for where, expr := range all {
		parsed, err := promql.ParseExpr(expr)
		if err != nil {
			continue // the other test says so
		}
		parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
			call, ok := n.(*parser.Call)
			if !ok || call.Func.Name != "rate" && call.Func.Name != "increase" && call.Func.Name != "irate" {
				return nil
			}
			parser.Inspect(call, func(n parser.Node, _ []parser.Node) error {
				if v, ok := n.(*parser.VectorSelector); ok && known[v.Name] == "gauge" {
					t.Errorf("%s: %s of the gauge %s", where, call.Func.Name, v.Name)
				}
				return nil
			})
			return nil
		})
	}
}
