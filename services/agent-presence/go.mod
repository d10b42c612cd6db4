module github.com/busyhour/busyhour/services/agent-presence

go 1.26.0

require (
	github.com/busyhour/busyhour/api v0.0.0
	github.com/busyhour/busyhour/pkg v0.0.0
	google.golang.org/protobuf v1.36.12
	pgregory.net/rapid v1.3.0
)

require buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go v1.36.12-20260825204119-511051f7f437.2 // indirect

replace (
	github.com/busyhour/busyhour/api => ../../api
	github.com/busyhour/busyhour/pkg => ../../pkg
	github.com/busyhour/busyhour/pkg/embedded => ../../pkg/embedded
)
