package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

func TestALoggerHasTheLevelAndTheFormatAskedFor(t *testing.T) {
	for _, format := range []string{"json", "console"} {
		log, err := Logger(LogConfig{Level: "warn", Format: format})
		if err != nil {
			t.Fatal(err)
		}
		if log.Core().Enabled(zap.InfoLevel) || !log.Core().Enabled(zap.WarnLevel) {
			t.Errorf("%s: the level is not warn", format)
		}
	}
}

func TestABadLoggerNamesTheKey(t *testing.T) {
	for _, c := range []struct {
		cfg  LogConfig
		want string
	}{
		{LogConfig{Level: "loud", Format: "json"}, `log.level: "loud"`},
		{LogConfig{Level: "info", Format: "xml"}, `log.format: "xml"`},
	} {
		_, err := Logger(c.cfg)
		if err == nil || !strings.Contains(err.Error(), c.want) || c.cfg.Validate() == nil {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
}

func TestARegistryTellsOfTheProcess(t *testing.T) {
	families, err := Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"go_goroutines", "process_cpu_seconds_total", "go_build_info"} {
		if !slices.ContainsFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == want }) {
			t.Errorf("no %s", want)
		}
	}
}

func TestTheSecondToRegisterGetsTheFirstOnes(t *testing.T) {
	reg := prometheus.NewRegistry()
	gauge := func() prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "busyhour_test_things", Help: "x"})
	}
	if a, b := Register(reg, gauge()), Register(reg, gauge()); a != b {
		t.Error("there are two")
	}
}

func TestWithoutACollectorTraceContextsArePassedOn(t *testing.T) {
	shutdown, err := Traces(t.Context(), TraceConfig{}, "x")
	if err != nil {
		t.Fatal(err)
	}
	in := propagation.HeaderCarrier(http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}})
	ctx := otel.GetTextMapPropagator().Extract(t.Context(), in)
	if !trace.SpanContextFromContext(ctx).IsRemote() {
		t.Error("nothing was read")
	}
	out := propagation.HeaderCarrier(http.Header{})
	otel.GetTextMapPropagator().Inject(ctx, out)
	if out.Get("traceparent") != in.Get("traceparent") {
		t.Errorf("got %v", out)
	}
	if err := shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestACollectorThatIsAwayStopsNobody(t *testing.T) {
	t.Cleanup(func() { otel.SetTracerProvider(noop.NewTracerProvider()) })
	shutdown, err := Traces(t.Context(), TraceConfig{Endpoint: "127.0.0.1:1", Insecure: true, Sample: 1}, "x")
	if err != nil {
		t.Fatal(err)
	}
	_, span := otel.Tracer("test").Start(t.Context(), "work")
	if !span.SpanContext().IsSampled() {
		t.Error("the span is not kept")
	}
	span.End()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := shutdown(ctx); err == nil {
		t.Error("the span went somewhere")
	}
}

func TestASampleIsAShare(t *testing.T) {
	for share, ok := range map[float64]bool{-0.1: false, 0: true, 1: true, 1.1: false} {
		if err := (&TraceConfig{Sample: share}).Validate(); (err == nil) != ok {
			t.Errorf("%v: %v", share, err)
		}
	}
}

func TestALineOfTheLogNamesItsTrace(t *testing.T) {
	if f := Span(t.Context()); len(f) != 0 {
		t.Errorf("without a trace: %v", f)
	}
	in := propagation.HeaderCarrier(http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}})
	f := Span(propagation.TraceContext{}.Extract(t.Context(), in))
	if len(f) != 2 || f[0].Key != "trace_id" || fmt.Sprint(f[0].Interface) != "0af7651916cd43dd8448eb211c80319c" || fmt.Sprint(f[1].Interface) != "b7ad6b7169203331" {
		t.Errorf("%v", f)
	}
}

func TestWhatMeasuresTimeIsNativeAndClassic(t *testing.T) {
	h := prometheus.NewHistogram(Native(prometheus.HistogramOpts{Name: "x_seconds", Buckets: []float64{1}}))
	h.Observe(0.5)
	var m dto.Metric
	if err := h.Write(&m); err != nil {
		t.Fatal(err)
	}
	if m.Histogram.Schema == nil || len(m.Histogram.Bucket) != 1 || len(m.Histogram.PositiveSpan) == 0 {
		t.Errorf("%v", m.Histogram)
	}
}

func TestAnExampleIsATraceThatIsKept(t *testing.T) {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x_seconds", Buckets: []float64{1}})
	for _, flags := range []string{"00", "01"} {
		in := propagation.HeaderCarrier(http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-" + flags}})
		Observe(propagation.TraceContext{}.Extract(t.Context(), in), h, 0.5)
		var m dto.Metric
		if err := h.Write(&m); err != nil {
			t.Fatal(err)
		}
		if has := m.Histogram.Bucket[0].Exemplar != nil; has != (flags == "01") {
			t.Errorf("flags %s: %v", flags, m.Histogram)
		}
	}
}
