package telemetry

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/trace"
)

// Registry makes a registry that already tells of the process, the Go runtime and the build.
func Registry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return reg
}

// Native makes a histogram native besides: buckets a tenth apart for a server that stores them, at most 100 of them, and
// the classic ones for all others.
func Native(o prometheus.HistogramOpts) prometheus.HistogramOpts {
	o.NativeHistogramBucketFactor = 1.1
	o.NativeHistogramMaxBucketNumber = 100
	o.NativeHistogramMinResetDuration = time.Hour
	return o
}

// Observe observes, and names the trace that ctx belongs to as an example, if it is one that is kept.
func Observe(ctx context.Context, o prometheus.Observer, seconds float64) {
	span := trace.SpanContextFromContext(ctx)
	example, ok := o.(prometheus.ExemplarObserver)
	if !ok || !span.IsSampled() {
		o.Observe(seconds)
		return
	}
	example.ObserveWithExemplar(seconds, prometheus.Labels{"trace_id": span.TraceID().String()})
}

// Register registers c, or returns the equal collector that stands there already: services that share a process share
// the metrics of what they share.
func Register[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	err := reg.Register(c)
	var there prometheus.AlreadyRegisteredError
	if errors.As(err, &there) {
		return there.ExistingCollector.(C)
	}
	if err != nil {
		panic(err) // two different metrics of one name: a mistake in the code
	}
	return c
}
