// Package telemetry makes the logger, the metrics registry and the traces of a process. All three are handed on; the
// only globals are OpenTelemetry's, which its instrumentations read.
package telemetry

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// LogConfig says how to log.
type LogConfig struct {
	Level  string `key:"level" default:"info" doc:"Least level to log: debug, info, warn or error."`
	Format string `key:"format" default:"json" doc:"json for machines, console for people."`
}

// Validate says whether Logger would take it.
func (c *LogConfig) Validate() error {
	_, err := c.zap()
	return err
}

func (c *LogConfig) zap() (zap.Config, error) {
	level, err := zapcore.ParseLevel(c.Level)
	if err != nil {
		return zap.Config{}, fmt.Errorf("log.level: %q is none of debug, info, warn and error", c.Level)
	}
	z := zap.NewProductionConfig()
	switch c.Format {
	case "json":
		z.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	case "console":
		z = zap.NewDevelopmentConfig()
		z.Development = false
		z.EncoderConfig.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	default:
		return zap.Config{}, fmt.Errorf("log.format: %q is neither json nor console", c.Format)
	}
	z.Level = zap.NewAtomicLevelAt(level)
	z.Sampling = nil // a dropped line is the one that was needed
	z.DisableStacktrace = true
	z.EncoderConfig.TimeKey = "time"
	return z, nil
}

// Logger makes a logger that writes to standard error.
func Logger(cfg LogConfig) (*zap.Logger, error) {
	z, err := cfg.zap()
	if err != nil {
		return nil, err
	}
	return z.Build()
}

// Span is what a line of the log says of the trace that ctx belongs to; nothing if it belongs to none.
func Span(ctx context.Context) []zap.Field {
	s := trace.SpanContextFromContext(ctx)
	if !s.IsValid() {
		return nil
	}
	return []zap.Field{zap.Stringer("trace_id", s.TraceID()), zap.Stringer("span_id", s.SpanID())}
}
