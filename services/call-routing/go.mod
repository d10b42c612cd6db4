module github.com/busyhour/busyhour/services/call-routing

go 1.26.0

require (
	github.com/busyhour/busyhour/api v0.0.0
	github.com/busyhour/busyhour/pkg v0.0.0
	github.com/busyhour/busyhour/pkg/embedded v0.0.0
)

require pgregory.net/rapid v1.3.0 // indirect

replace (
	github.com/busyhour/busyhour/api => ../../api
	github.com/busyhour/busyhour/pkg => ../../pkg
	github.com/busyhour/busyhour/pkg/embedded => ../../pkg/embedded
)
