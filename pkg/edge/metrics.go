package edge

import (
	"context"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/busyhour/busyhour/pkg/telemetry"
)

// metricsInterceptor measures unary calls by their time and streams by their number: how long a stream stayed open
// says nothing.
type metricsInterceptor struct {
	seconds *prometheus.HistogramVec
	open    *prometheus.GaugeVec
	ended   *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) metricsInterceptor {
	return metricsInterceptor{
		seconds: telemetry.Register(reg, prometheus.NewHistogramVec(telemetry.Native(prometheus.HistogramOpts{
			Name:    "busyhour_rpc_seconds",
			Help:    "Time to answer a unary call, by procedure and code.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .25, 1, 5},
		}), []string{"procedure", "code"})),
		open: telemetry.Register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "busyhour_rpc_open_streams",
			Help: "Streams open now, by procedure.",
		}, []string{"procedure"})),
		ended: telemetry.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "busyhour_rpc_ended_streams_total",
			Help: "Streams that ended, by procedure and code.",
		}, []string{"procedure", "code"})),
	}
}

func (m metricsInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		begun := time.Now()
		res, err := next(ctx, req)
		m.seconds.WithLabelValues(req.Spec().Procedure, codeOf(err)).Observe(time.Since(begun).Seconds())
		return res, err
	}
}

func (m metricsInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		open := m.open.WithLabelValues(conn.Spec().Procedure)
		open.Inc()
		defer open.Dec()
		err := next(ctx, conn)
		m.ended.WithLabelValues(conn.Spec().Procedure, codeOf(err)).Inc()
		return err
	}
}

func (m metricsInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func codeOf(err error) string {
	if err == nil {
		return "ok"
	}
	return connect.CodeOf(err).String()
}
