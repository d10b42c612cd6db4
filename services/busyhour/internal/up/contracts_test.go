package up

import (
	"testing"

	"github.com/coder/websocket"

	"github.com/busyhour/busyhour/api/asyncapi"
	"github.com/busyhour/busyhour/pkg/edge"
)

func TestTheContractsTellOfEveryCloseCode(t *testing.T) {
	told := map[websocket.StatusCode]bool{}
	for _, c := range asyncapi.Closes() {
		code := websocket.StatusCode(c.Code)
		told[code] = true
		if c.Back != edge.ComesBack(code) {
			t.Errorf("%d: the contract says come back: %t, the code says %t", code, c.Back, edge.ComesBack(code))
		}
	}
	for _, code := range []websocket.StatusCode{
		edge.CloseDone, edge.CloseFailed, edge.CloseRestart, edge.CloseSlow, edge.CloseSilent, edge.CloseUnavailable, edge.CloseFull,
		edge.CloseInvalid, edge.CloseDenied, edge.CloseUnknown, edge.CloseReplaced, edge.CloseUnauthenticated,
	} {
		if !told[code] {
			t.Errorf("%d is in no contract", code)
		}
	}
}
