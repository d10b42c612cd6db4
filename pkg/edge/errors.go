package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/zap"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/busyhour/busyhour/pkg/refusal"
)

// Detailer makes the message that travels with a refusal as its error detail. This package knows no API, so a service
// hands one in.
type Detailer func(*refusal.Refusal) proto.Message

// retryAfter is what a caller waits who was told Unavailable or Full.
const retryAfter = time.Second

// Error turns a refusal or a context's end into an error with a code. Another error of connect's stays as it is. What
// is left is a failure: its text stays here, and the caller gets Internal.
func (d Detailer) Error(err error) *connect.Error {
	if r, ok := refusal.As(err); ok {
		return d.refused(r)
	}
	var there *connect.Error
	if errors.As(err, &there) && !secretive(there.Code()) {
		return passedOn(there)
	}
	switch a := answerTo(err); a.rpc {
	case connect.CodeDeadlineExceeded:
		return connect.NewError(a.rpc, errors.New("the time for this request ran out; its outcome is unknown"))
	case connect.CodeCanceled:
		return connect.NewError(a.rpc, errors.New("the request was cancelled"))
	}
	return connect.NewError(connect.CodeInternal, errors.New("internal error"))
}

func (d Detailer) refused(r *refusal.Refusal) *connect.Error {
	e := connect.NewError(answerTo(r).rpc, r)
	if d != nil {
		attach(e, d(r))
	}
	if r.Code == refusal.Unavailable || r.Code == refusal.Full {
		attach(e, &errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)})
	}
	return e
}

func attach(e *connect.Error, m proto.Message) {
	if detail, err := connect.NewErrorDetail(m); err == nil {
		e.AddDetail(detail)
	}
}

// secretive codes stand for failures, whose text is not for callers.
func secretive(code connect.Code) bool {
	return code == connect.CodeInternal || code == connect.CodeUnknown || code == connect.CodeDataLoss
}

// passedOn copies an error that another service sent, without the headers of its response.
func passedOn(e *connect.Error) *connect.Error {
	if !connect.IsWireError(e) {
		return e
	}
	own := connect.NewError(e.Code(), errors.New(e.Message()))
	for _, detail := range e.Details() {
		own.AddDetail(detail)
	}
	return own
}

// errorInterceptor gives every error its code and stops every panic. It logs failures, once; refusals are no errors
// of ours.
type errorInterceptor struct {
	log    *zap.Logger
	detail Detailer
}

func (i errorInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (res connect.AnyResponse, err error) {
		defer func() { err = i.outward(ctx, req.Spec().Procedure, err, recover()) }()
		return next(ctx, req)
	}
}

func (i errorInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) (err error) {
		defer func() { err = i.outward(ctx, conn.Spec().Procedure, err, recover()) }()
		return next(ctx, conn)
	}
}

func (i errorInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (i errorInterceptor) outward(ctx context.Context, procedure string, err error, panicked any) error {
	if panicked == any(http.ErrAbortHandler) {
		panic(panicked) // net/http's own way to drop a connection
	}
	if panicked != nil {
		err = fmt.Errorf("panic: %v", panicked)
	}
	if err == nil {
		return nil
	}
	out := i.detail.Error(err)
	if out.Code() != connect.CodeInternal {
		return out
	}
	fields := []zap.Field{zap.String("procedure", procedure), zap.Error(err)}
	if panicked != nil {
		fields = append(fields, zap.ByteString("stack", debug.Stack()))
	}
	Log(ctx, i.log).Error("request failed", fields...)
	return connect.NewError(connect.CodeInternal, fmt.Errorf("internal error; the log has it under request %s", RequestID(ctx)))
}

// WriteError answers a plain HTTP request with the error, as JSON in the form of Connect's.
func WriteError(w http.ResponseWriter, r *http.Request, log *zap.Logger, err error) {
	a := answerTo(err)
	body := map[string]string{"code": a.rpc.String(), "message": Detailer(nil).Error(err).Message(), "request": RequestID(r.Context())}
	if no, ok := refusal.As(err); ok {
		body["reason"] = no.Reason
	}
	if a == failed {
		Log(r.Context(), log).Error("request failed", zap.String("path", r.URL.Path), zap.Error(err))
	}
	w.Header().Set("Content-Type", "application/json")
	if a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", fmt.Sprint(int(retryAfter.Seconds())))
	}
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(body) // the caller may be gone; there is nobody else to tell
}
