module github.com/busyhour/busyhour/services/call-routing

go 1.26.0

require (
	github.com/busyhour/busyhour/api v0.0.0
	github.com/busyhour/busyhour/pkg v0.0.0
	github.com/busyhour/busyhour/pkg/embedded v0.0.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/oklog/ulid/v2 v2.1.2 // indirect
	github.com/prometheus/client_golang v1.25.0 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel v1.47.0 // indirect
	go.opentelemetry.io/otel/log v1.47.0 // indirect
	go.opentelemetry.io/otel/metric v1.47.0 // indirect
	go.opentelemetry.io/otel/trace v1.47.0 // indirect
	go.uber.org/multierr v1.10.0 // indirect
	go.uber.org/zap v1.28.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	pgregory.net/rapid v1.3.0 // indirect
)

replace (
	github.com/busyhour/busyhour/api => ../../api
	github.com/busyhour/busyhour/pkg => ../../pkg
	github.com/busyhour/busyhour/pkg/embedded => ../../pkg/embedded
)
