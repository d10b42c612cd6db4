module github.com/busyhour/busyhour/services/busyhour

go 1.26.0

require (
	github.com/busyhour/busyhour/api v0.0.0
	github.com/busyhour/busyhour/pkg v0.0.0
	github.com/busyhour/busyhour/pkg/embedded v0.0.0
	github.com/busyhour/busyhour/services/call-routing v0.0.0
	github.com/busyhour/busyhour/services/agent-presence v0.0.0
	github.com/busyhour/busyhour/services/provisioning v0.0.0
)

replace (
	github.com/busyhour/busyhour/api => ../../api
	github.com/busyhour/busyhour/pkg => ../../pkg
	github.com/busyhour/busyhour/pkg/embedded => ../../pkg/embedded
	github.com/busyhour/busyhour/services/call-routing => ../../services/call-routing
	github.com/busyhour/busyhour/services/agent-presence => ../../services/agent-presence
	github.com/busyhour/busyhour/services/provisioning => ../../services/provisioning
)
