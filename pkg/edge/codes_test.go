package edge

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"connectrpc.com/connect"
	"github.com/coder/websocket"

	"github.com/busyhour/busyhour/pkg/refusal"
)

func TestEveryRefusalHasItsAnswer(t *testing.T) {
	for code := refusal.Invalid; code <= refusal.Unauthenticated; code++ {
		if _, ok := answers[code]; !ok {
			t.Errorf("refusal code %d has no answer", code)
		}
	}
	if len(answers) != int(refusal.Unauthenticated) {
		t.Errorf("%d answers for %d codes", len(answers), refusal.Unauthenticated)
	}
}

func TestCodes(t *testing.T) {
	wrapped := fmt.Errorf("accept: %w", refusal.New(refusal.NotFound, "CONTACT_UNKNOWN", "no such contact"))
	for _, c := range []struct {
		err    error
		status int
		close  websocket.StatusCode
		reason string
	}{
		{wrapped, http.StatusNotFound, CloseUnknown, "CONTACT_UNKNOWN"},
		{fmt.Errorf("load: %w", context.DeadlineExceeded), http.StatusGatewayTimeout, CloseUnavailable, "internal error"},
		{context.Canceled, 499, CloseDone, "internal error"},
		{fmt.Errorf("EOF"), http.StatusInternalServerError, CloseFailed, "internal error"},
		{refusal.New(99, "ODD", "a code of the future"), http.StatusInternalServerError, CloseFailed, "ODD"},
		{ErrDraining(), http.StatusServiceUnavailable, CloseUnavailable, "DRAINING"},
	} {
		code, reason := CloseCode(c.err)
		if got := HTTPStatus(c.err); got != c.status || code != c.close || reason != c.reason {
			t.Errorf("%v: %d, %d %q; want %d, %d %q", c.err, got, code, reason, c.status, c.close, c.reason)
		}
	}
}

func TestTheCloseCodeAloneTellsWhetherToComeBack(t *testing.T) {
	for code, want := range map[websocket.StatusCode]bool{
		CloseDone: false, CloseFailed: true, CloseRestart: true, CloseSlow: true, CloseSilent: true, CloseUnavailable: true, CloseFull: true,
		CloseInvalid: false, CloseDenied: false, CloseUnknown: false, CloseReplaced: false, CloseUnauthenticated: false,
		websocket.StatusAbnormalClosure: true, websocket.StatusGoingAway: true,
	} {
		if ComesBack(code) != want {
			t.Errorf("%d comes back: %v", code, !want)
		}
	}
}

func TestACloseReasonFitsItsFrame(t *testing.T) {
	_, reason := CloseCode(refusal.New(refusal.Invalid, strings.Repeat("ü", 100), ""))
	if len(reason) > 123 || !utf8.ValidString(reason) {
		t.Errorf("%d bytes: %q", len(reason), reason)
	}
}

func TestARetryIsAskedForWhereItHelps(t *testing.T) {
	for code := refusal.Invalid; code <= refusal.Unavailable; code++ {
		details := len(Detailer(nil).Error(refusal.New(code, "X", "x")).Details())
		if want := code == refusal.Unavailable || code == refusal.Full; (details == 1) != want {
			t.Errorf("code %d: %d details", code, details)
		}
	}
}

func TestAFailureKeepsItsTextHere(t *testing.T) {
	for _, err := range []error{
		fmt.Errorf("dial tcp 10.1.2.3: refused"),
		connect.NewError(connect.CodeUnknown, fmt.Errorf("dial tcp 10.1.2.3: refused")),
		fmt.Errorf("step: %w", connect.NewError(connect.CodeInternal, fmt.Errorf("dial tcp 10.1.2.3: refused"))),
	} {
		if e := Detailer(nil).Error(err); e.Code() != connect.CodeInternal || strings.Contains(e.Error(), "10.1.2.3") {
			t.Errorf("%v became %v", err, e)
		}
	}
}

func TestAnErrorWithACodeKeepsIt(t *testing.T) {
	err := connect.NewError(connect.CodeUnimplemented, fmt.Errorf("not yet"))
	if e := Detailer(nil).Error(fmt.Errorf("step: %w", err)); e != err {
		t.Errorf("became %v", e)
	}
}
