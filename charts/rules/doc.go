// Package rules checks what Prometheus and Grafana are given: that the alerts and dashboards of the chart parse, ask only
// for metrics that there are, and that each alert fires when it should and says what to do.
//
// It is a module of its own, outside of the workspace, because Prometheus' parser would bring its requirements to
// everything else. scripts/rules runs it.
package rules
