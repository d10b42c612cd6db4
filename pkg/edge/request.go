package edge

import (
	"context"
	"crypto/rand"
	"net/http"

	"connectrpc.com/connect"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/telemetry"
)

// RequestHeader carries the request id, in and out.
const RequestHeader = "X-Request-Id"

type requestKey struct{}

// RequestID is the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// WithRequestID gives ctx a request id, for work that no HTTP request began.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// Log names the request in every line, and the span of its trace, if one is under way.
func Log(ctx context.Context, log *zap.Logger) *zap.Logger {
	if id := RequestID(ctx); id != "" {
		log = log.With(zap.String("request", id))
	}
	return log.With(telemetry.Span(ctx)...)
}

// identify gives each request its id: the caller's if it is fit for a log line, else a new one.
func identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(RequestHeader)
		if !fit(id) {
			id = rand.Text()
		}
		w.Header().Set(RequestHeader, id)
		next.ServeHTTP(w, r.WithContext(WithRequestID(r.Context(), id)))
	})
}

func fit(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// passRequestID sends the id of the request at hand along with the calls made for it.
type passRequestID struct{}

func (passRequestID) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		pass(ctx, req.Header())
		return next(ctx, req)
	}
}

func (passRequestID) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		pass(ctx, conn.RequestHeader())
		return conn
	}
}

func (passRequestID) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

func pass(ctx context.Context, h http.Header) {
	if id := RequestID(ctx); id != "" && h.Get(RequestHeader) == "" {
		h.Set(RequestHeader, id)
	}
}
