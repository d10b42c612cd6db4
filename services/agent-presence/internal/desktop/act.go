package desktop

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/routing/v1/routingv1connect"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// actWithin is how long one pod of call-routing has to answer before the next is asked.
const actWithin = 2 * time.Second

// actor asks call-routing. A command keeps its request id when it is sent to the next pod, so it is carried out once.
type actor struct {
	pods []routingv1connect.RoutingServiceClient
	good atomic.Uint32 // the pod that answered last
}

// newActor makes an actor. What it asks, it asks in the name of the screen's agent; own is the token of this service, for
// screens that have none.
func newActor(urls []string, own edge.TokenSource, peers *boot.Peers) *actor {
	a := &actor{}
	client := &http.Client{Transport: peers.Secure(transport())}
	options := append(edge.ClientOptions(own), connect.WithGRPC())
	for _, u := range urls {
		a.pods = append(a.pods, routingv1connect.NewRoutingServiceClient(client, u, options...))
	}
	return a
}

// transport speaks HTTP/2 without TLS too, so that all acts share a connection, and finds out when the other side died.
func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP2(true)
	t.Protocols.SetUnencryptedHTTP2(true)
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 2 * time.Second}
	return t
}

func (a *actor) act(ctx context.Context, req *routingv1.ActRequest) error {
	if len(a.pods) == 0 {
		return refusal.New(refusal.Unavailable, "ROUTING_UNKNOWN", "this server does not know where call-routing is").
			To("set `routing.urls`")
	}
	first := int(a.good.Load())
	var err error
	for i := range a.pods {
		at := (first + i) % len(a.pods)
		if err = a.ask(ctx, at, req); !elsewhere(err) {
			a.good.Store(uint32(at))
			break
		}
		if ctx.Err() != nil {
			break
		}
	}
	return understood(err)
}

func (a *actor) ask(ctx context.Context, at int, req *routingv1.ActRequest) error {
	ctx, cancel := context.WithTimeout(ctx, actWithin)
	defer cancel()
	_, err := a.pods[at].Act(ctx, connect.NewRequest(req))
	return err
}

// elsewhere reports whether another pod may do better.
func elsewhere(err error) bool {
	code := connect.CodeOf(err)
	return err != nil && (code == connect.CodeUnavailable || code == connect.CodeDeadlineExceeded)
}

// codes of the refusals that call-routing sends.
var codes = map[connect.Code]refusal.Code{
	connect.CodeInvalidArgument:    refusal.Invalid,
	connect.CodeNotFound:           refusal.NotFound,
	connect.CodeAlreadyExists:      refusal.Exists,
	connect.CodeFailedPrecondition: refusal.Impossible,
	connect.CodePermissionDenied:   refusal.Denied,
	connect.CodeResourceExhausted:  refusal.Full,
	connect.CodeUnavailable:        refusal.Unavailable,
	connect.CodeUnauthenticated:    refusal.Unauthenticated,
}

// understood makes call-routing's refusal ours, word for word.
func understood(err error) error {
	var answer *connect.Error
	if !errors.As(err, &answer) {
		return err
	}
	for _, d := range answer.Details() {
		m, _ := d.Value()
		if detail, ok := m.(*commonv1.Refusal); ok {
			return refusal.New(codes[answer.Code()], detail.Reason, "%s", answer.Message()).
				At(detail.Record, detail.Revision.GetEpoch(), detail.Revision.GetN()).To(detail.Help)
		}
	}
	if elsewhere(err) {
		return refusal.New(refusal.Unavailable, "ROUTING_UNAVAILABLE", "call-routing does not answer").To("try again")
	}
	return err
}
