package telemetry

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

// TraceConfig says where traces go.
type TraceConfig struct {
	Endpoint string  `key:"endpoint" doc:"OTLP gRPC collector, host:port. Empty: no spans are made, but trace contexts are passed on."`
	Insecure bool    `key:"insecure" default:"false" doc:"Speak to the collector without TLS."`
	Sample   float64 `key:"sample" default:"0.01" doc:"Share of traces begun here that are kept, 0 to 1; a caller's choice is followed."`
}

// Validate says whether Traces would take it.
func (c *TraceConfig) Validate() error {
	if c.Sample < 0 || c.Sample > 1 {
		return fmt.Errorf("trace.sample: %v is not between 0 and 1", c.Sample)
	}
	return nil
}

// Traces sets OpenTelemetry's global propagator to W3C and, if an endpoint is configured, its global provider to one
// that sends there. The caller must call shutdown in the end, which sends what is still held.
func Traces(ctx context.Context, cfg TraceConfig, service string) (shutdown func(context.Context) error, err error) {
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	if cfg.Endpoint == "" {
		return func(context.Context) error { return nil }, nil
	}
	options := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(cfg.Endpoint)}
	if cfg.Insecure {
		options = append(options, otlptracegrpc.WithInsecure())
	}
	exporter, err := otlptracegrpc.New(ctx, options...) // dials in the background: a collector that is away stops nobody
	if err != nil {
		return nil, fmt.Errorf("traces to %s: %w", cfg.Endpoint, err)
	}
	provider := trace.NewTracerProvider(
		trace.WithBatcher(exporter),
		trace.WithSampler(trace.ParentBased(trace.TraceIDRatioBased(cfg.Sample))),
		trace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))),
	)
	otel.SetTracerProvider(provider)
	return provider.Shutdown, nil
}
