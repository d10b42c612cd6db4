module github.com/busyhour/busyhour/services/busyhour

go 1.26.0

require (
	connectrpc.com/connect v1.21.1
	github.com/HdrHistogram/hdrhistogram-go v1.4.0
	github.com/busyhour/busyhour/api v0.0.0
	github.com/busyhour/busyhour/pkg v0.0.0
	github.com/busyhour/busyhour/pkg/embedded v0.0.0
	github.com/busyhour/busyhour/services/agent-presence v0.0.0
	github.com/busyhour/busyhour/services/call-routing v0.0.0
	github.com/busyhour/busyhour/services/provisioning v0.0.0
	github.com/coder/websocket v1.8.15
	golang.org/x/sync v0.24.0
	google.golang.org/protobuf v1.36.12
)

require (
	buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go v1.36.12-20260825204119-511051f7f437.2 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/spf13/cobra v1.10.2 // indirect
	github.com/spf13/pflag v1.1.0 // indirect
)

replace (
	github.com/busyhour/busyhour/api => ../../api
	github.com/busyhour/busyhour/pkg => ../../pkg
	github.com/busyhour/busyhour/pkg/embedded => ../../pkg/embedded
	github.com/busyhour/busyhour/services/agent-presence => ../../services/agent-presence
	github.com/busyhour/busyhour/services/call-routing => ../../services/call-routing
	github.com/busyhour/busyhour/services/provisioning => ../../services/provisioning
)
