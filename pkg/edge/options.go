package edge

import (
	"connectrpc.com/connect"
	"connectrpc.com/otelconnect"
	"connectrpc.com/validate"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

const (
	// maxMessage bounds one message in; a service that takes larger ones appends its own WithReadMaxBytes.
	maxMessage = 1 << 20
	// compressFrom: below it, compressing costs more than the bytes it saves.
	compressFrom = 1 << 10
)

// Options are what every connect handler of ours is built with. The order of the interceptors is that of the picture
// in doc.go: metrics and traces must see the code that the caller sees.
func Options(log *zap.Logger, reg prometheus.Registerer, detail Detailer) []connect.HandlerOption {
	return []connect.HandlerOption{
		connect.WithReadMaxBytes(maxMessage),
		connect.WithCompressMinBytes(compressFrom),
		connect.WithInterceptors(newMetrics(reg), traces(), errorInterceptor{log, detail}, admissionInterceptor{}, validate.NewInterceptor()),
	}
}

// ClientOptions are for the calls of one service to another: the trace and the request id go along, and the token of
// whoever the call is made for. Where that is nobody, own says the service's; nil: it has none.
func ClientOptions(own TokenSource) []connect.ClientOption {
	return []connect.ClientOption{
		connect.WithCompressMinBytes(compressFrom),
		connect.WithInterceptors(traces(), passRequestID{}, passToken{own}),
	}
}

func traces() connect.Interceptor {
	i, err := otelconnect.NewInterceptor(otelconnect.WithTrustRemote(), otelconnect.WithoutMetrics())
	if err != nil {
		panic(err) // neither option can fail
	}
	return i
}
