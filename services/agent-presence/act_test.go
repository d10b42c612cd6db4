package presence_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/routing/v1/routingv1connect"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// router is a call-routing that carries out what answer says.
type router struct {
	routingv1connect.UnimplementedRoutingServiceHandler
	answer func(*routingv1.ActRequest) error

	mu    sync.Mutex
	asked []*routingv1.ActRequest
	as    []string // the headers that said who asks
}

func (r *router) Act(_ context.Context, req *connect.Request[routingv1.ActRequest]) (*connect.Response[routingv1.ActResponse], error) {
	r.mu.Lock()
	r.asked = append(r.asked, req.Msg)
	r.as = append(r.as, req.Header().Get("Authorization"))
	r.mu.Unlock()
	return connect.NewResponse(&routingv1.ActResponse{}), r.answer(req.Msg)
}

func (r *router) GetWorkload(_ context.Context, req *connect.Request[routingv1.GetWorkloadRequest]) (*connect.Response[routingv1.GetWorkloadResponse], error) {
	return connect.NewResponse(&routingv1.GetWorkloadResponse{Workload: &routingv1.Workload{AgentId: req.Msg.AgentId}}), nil
}

// startRouter serves a router and returns its address.
func (s *stage) startRouter(answer func(*routingv1.ActRequest) error) (*router, string) {
	s.Helper()
	r := &router{answer: answer}
	detail := func(no *refusal.Refusal) proto.Message {
		return &commonv1.Refusal{Reason: no.Reason, Record: no.Record, Help: no.Help, Revision: &commonv1.Revision{Epoch: no.Epoch, N: no.N}}
	}
	front := edge.NewServer(edge.ServerConfig{Listen: "127.0.0.1:0"}, zap.NewNop(), prometheus.NewRegistry())
	path, h := routingv1connect.NewRoutingServiceHandler(r, edge.Options(zap.NewNop(), prometheus.NewRegistry(), detail)...)
	front.Mount(routingv1connect.RoutingServiceName, path, h)
	if err := front.Open(); err != nil {
		s.Fatal(err)
	}
	s.runAll(boot.Part{Name: "router", Run: front.Run})
	return r, "http://" + front.Addr().String()
}

// nobody is an address that refuses connections.
func (s *stage) nobody() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func TestAnActReachesCallRoutingAtWhicheverOfItsPodsIsThere(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	closed, closedURL := s.startRouter(func(*routingv1.ActRequest) error {
		return refusal.New(refusal.Unavailable, "UNVERIFIED", "being rebuilt")
	})
	good, goodURL := s.startRouter(func(*routingv1.ActRequest) error { return nil })
	cfg := quick()
	cfg.Routing.URLs = []string{s.nobody(), closedURL, goodURL}
	p := s.startPod("pod-a", cfg)
	desk := p.logIn(t, "ann", "")
	if no := desk.act("c-1", routingv1.ActRequest_ACTION_ACCEPT); no != nil {
		t.Fatal(no)
	}
	if len(closed.asked) != 1 || len(good.asked) != 1 || closed.asked[0].RequestId != good.asked[0].RequestId {
		t.Errorf("asked %v, then %v", closed.asked, good.asked)
	}
	got := good.asked[0]
	if got.Tenant != tenant || got.AgentId != "ann" || got.ContactId != "c-1" || len(got.RequestId) > 64 {
		t.Errorf("asked for %v", got)
	}
	if no := desk.act("c-1", routingv1.ActRequest_ACTION_HOLD); no != nil || len(closed.asked) != 1 {
		t.Errorf("the pod that answered last was not asked first: %v, %d", no, len(closed.asked))
	}
	if good.asked[0].RequestId == good.asked[1].RequestId {
		t.Error("two acts, one request id")
	}
	again := p.logIn(t, "ann", desk.id) // its request ids begin anew
	again.act("c-1", routingv1.ActRequest_ACTION_ACCEPT)
	if good.asked[2].RequestId == got.RequestId {
		t.Error("another socket's act was taken for a repeat")
	}
}

func TestARefusalOfCallRoutingReachesTheScreenWordForWord(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	answer := error(refusal.New(refusal.Impossible, "OFFER_NOT_YOURS", "the offer went to bob").At("contact:c-1", 3, 7).To("wait for the next"))
	_, url := s.startRouter(func(*routingv1.ActRequest) error { return answer })
	cfg := quick()
	cfg.Routing.URLs = []string{url}
	p := s.startPod("pod-a", cfg)
	desk := p.logIn(t, "ann", "")
	no := desk.act("c-1", routingv1.ActRequest_ACTION_ACCEPT).GetRefusal()
	want := &commonv1.Refusal{Reason: "OFFER_NOT_YOURS", Record: "contact:c-1", Revision: &commonv1.Revision{Epoch: 3, N: 7}, Help: "wait for the next"}
	if !proto.Equal(no, want) {
		t.Errorf("refused with %v, want %v", no, want)
	}
	answer = refusal.New(refusal.Unavailable, "UNVERIFIED", "being rebuilt")
	if no := desk.act("c-1", routingv1.ActRequest_ACTION_ACCEPT).GetRefusal(); no.GetReason() != "UNVERIFIED" {
		t.Errorf("refused with %v", no)
	}
}

func TestWithoutCallRoutingAnActIsRefusedForNow(t *testing.T) {
	s := newStage(t)
	s.hire("ann")
	cfg := quick()
	cfg.Routing.URLs = []string{s.nobody()}
	p := s.startPod("pod-a", cfg)
	desk := p.logIn(t, "ann", "")
	if no := desk.act("c-1", routingv1.ActRequest_ACTION_ACCEPT).GetRefusal(); no.GetReason() != "ROUTING_UNAVAILABLE" {
		t.Errorf("refused with %v", no)
	}
}
