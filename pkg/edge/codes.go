package edge

import (
	"context"
	"errors"
	"net/http"

	"connectrpc.com/connect"
	"github.com/coder/websocket"

	"github.com/busyhour/busyhour/pkg/refusal"
)

// answer is what one kind of no looks like on each way out.
type answer struct {
	rpc    connect.Code
	status int
	close  websocket.StatusCode
}

// answers is the only place that chooses codes.
var answers = map[refusal.Code]answer{
	refusal.Invalid:     {connect.CodeInvalidArgument, http.StatusBadRequest, CloseInvalid},
	refusal.NotFound:    {connect.CodeNotFound, http.StatusNotFound, CloseUnknown},
	refusal.Exists:      {connect.CodeAlreadyExists, http.StatusConflict, CloseReplaced},
	refusal.Impossible:  {connect.CodeFailedPrecondition, http.StatusConflict, CloseInvalid},
	refusal.Denied:      {connect.CodePermissionDenied, http.StatusForbidden, CloseDenied},
	refusal.Full:        {connect.CodeResourceExhausted, http.StatusTooManyRequests, CloseFull},
	refusal.Unavailable: {connect.CodeUnavailable, http.StatusServiceUnavailable, CloseUnavailable},

	refusal.Unauthenticated: {connect.CodeUnauthenticated, http.StatusUnauthorized, CloseUnauthenticated},
}

var (
	failed    = answer{connect.CodeInternal, http.StatusInternalServerError, CloseFailed}
	late      = answer{connect.CodeDeadlineExceeded, http.StatusGatewayTimeout, CloseUnavailable}
	cancelled = answer{connect.CodeCanceled, 499, CloseDone} // 499: the caller went away; nobody reads it
)

// Close codes of WebSockets. The code alone tells a client whether to come back: below 4500 it does, from 4500 on it
// does not before a person has done something. 1000 is a farewell that both sides meant.
const (
	CloseDone    = websocket.StatusNormalClosure  // 1000: the session ended as it should
	CloseFailed  = websocket.StatusInternalError  // 1011: come back after a while
	CloseRestart = websocket.StatusServiceRestart // 1012: this server stops; come back at once, another answers
	CloseSlow    = websocket.StatusTryAgainLater  // 1013: the client read too slowly; come back and take a snapshot

	CloseSilent      websocket.StatusCode = 4000 // no heartbeat came
	CloseUnavailable websocket.StatusCode = 4001 // the state is not verified; come back after a while
	CloseFull        websocket.StatusCode = 4002 // a limit is reached; come back after a while

	CloseInvalid  websocket.StatusCode = 4500 // what was sent cannot be understood
	CloseDenied   websocket.StatusCode = 4501 // not the caller's to do
	CloseUnknown  websocket.StatusCode = 4502 // it names something that is not there
	CloseReplaced websocket.StatusCode = 4503 // another screen took its place

	CloseUnauthenticated websocket.StatusCode = 4504 // no token, or none that is good, or it has expired: log in again
)

// ComesBack says whether a client that was closed with that code connects again by itself.
func ComesBack(code websocket.StatusCode) bool {
	return code != CloseDone && code < 4500
}

// answerTo finds the answer to an error. A refusal anywhere in the chain decides; context errors come next.
func answerTo(err error) answer {
	if r, ok := refusal.As(err); ok {
		if a, known := answers[r.Code]; known {
			return a
		}
		return failed
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return late
	case errors.Is(err, context.Canceled):
		return cancelled
	}
	return failed
}

// HTTPStatus is the status with which a plain handler answers the error.
func HTTPStatus(err error) int { return answerTo(err).status }

// CloseCode is the code, and the reason cut to what a close frame holds, with which a WebSocket ends on the error.
func CloseCode(err error) (websocket.StatusCode, string) {
	reason := "internal error"
	if r, ok := refusal.As(err); ok {
		reason = r.Reason
	}
	return answerTo(err).close, cut(reason, 123)
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
