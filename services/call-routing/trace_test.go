package routing_test

import (
	"context"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

const traced = "0af7651916cd43dd8448eb211c80319c"

func TestATraceGoesFromTheCallToWhoeverReadsTheEvent(t *testing.T) {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	s := newStage(t)
	s.queue(&provisioningv1.Queue{Id: "support"})
	p := s.startPod("pod-1")
	sw := p.connect("sbc-1", 1)
	sw.welcome()
	sw.say(callOffered("call-1", "support"))
	sw.acked()

	heard := make(chan struct{}, 1)
	group, err := eventlog.NewGroup(s.kafkaConfig(prometheus.NewRegistry()), "traced-"+s.tenant, []string{topics.ContactEvents},
		func(ctx context.Context, _ eventlog.Message, done func(error)) {
			if trace.SpanContextFromContext(ctx).TraceID().String() == traced {
				select {
				case heard <- struct{}{}:
				default:
				}
			}
			done(nil)
		})
	if err != nil {
		t.Fatal(err)
	}
	s.runAll(boot.Part{Name: "reader", Run: group.Run})
	req := connect.NewRequest(&routingv1.CloseContactRequest{Tenant: s.tenant, ContactId: s.contactOf("call-1"), Reason: "traced"})
	req.Header().Set("Traceparent", "00-"+traced+"-b7ad6b7169203331-01")
	if _, err := p.routing().CloseContact(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	select {
	case <-heard:
	case <-time.After(limit):
		t.Error("no event of the trace came")
	}
}
