package fanout

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/busyhour/busyhour/pkg/embedded"
)

func start(t *testing.T) *embedded.NATS {
	t.Helper()
	n, err := embedded.StartNATS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func dial(t *testing.T, cfg Config) *Conn {
	t.Helper()
	c, err := Dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// told collects what a subscriber hears.
type told chan string

func (h told) handle(_ context.Context, subject string, data []byte) {
	h <- subject + " " + string(data)
}

func (h told) want(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-h:
		if got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("%q did not come", want)
	}
}

func subscribe(t *testing.T, c *Conn, subject string, h func(context.Context, string, []byte)) *Subscription {
	t.Helper()
	s, err := c.Subscribe(subject, h)
	if err != nil {
		t.Fatal(err)
	}
	flush(t, c)
	return s
}

// flush returns when the server has taken what was sent before, subscriptions among it.
func flush(t *testing.T, c *Conn) {
	t.Helper()
	if err := c.nats.FlushTimeout(10 * time.Second); err != nil {
		t.Fatal(err)
	}
}

func publish(t *testing.T, c *Conn, subject, data string) {
	t.Helper()
	if err := c.Publish(t.Context(), subject, []byte(data)); err != nil {
		t.Fatal(err)
	}
}

func TestEverySubscriberHearsInOrder(t *testing.T) {
	n := start(t)
	here, there := dial(t, Config{URL: n.URL}), dial(t, Config{URL: n.URL})
	a, b := make(told, 1000), make(told, 1000)
	subscribe(t, here, "agent.1", a.handle)
	subscribe(t, there, "agent.*", b.handle)
	for i := range 100 {
		publish(t, here, "agent.1", fmt.Sprint(i))
	}
	publish(t, here, "agent.2", "x")
	for i := range 100 {
		a.want(t, fmt.Sprintf("agent.1 %d", i))
		b.want(t, fmt.Sprintf("agent.1 %d", i))
	}
	b.want(t, "agent.2 x")
}

func TestOneMemberOfAQueueHears(t *testing.T) {
	n := start(t)
	c := dial(t, Config{URL: n.URL})
	heard := make(told, 100)
	for range 3 {
		if _, err := c.QueueSubscribe("work", "pods", heard.handle); err != nil {
			t.Fatal(err)
		}
	}
	all := make(told, 100)
	subscribe(t, c, "work", all.handle)
	for i := range 10 {
		publish(t, c, "work", fmt.Sprint(i))
	}
	for i := range 10 {
		all.want(t, fmt.Sprintf("work %d", i))
	}
	flush(t, c)
	for range 10 {
		<-heard
	}
	if len(heard) != 0 {
		t.Errorf("%d messages were heard by a second member", len(heard))
	}
}

func TestSubscriptionsComeBackAfterTheServer(t *testing.T) {
	n := start(t)
	registry := prometheus.NewRegistry()
	c := dial(t, Config{URL: n.URL, Name: "test", Registry: registry})
	heard, back := make(told, 10), make(chan struct{}, 10)
	subscribe(t, c, "news", heard.handle)
	c.OnReconnect(func() { back <- struct{}{} })
	away := c.nats.StatusChanged(nats.RECONNECTING)
	n.Stop()
	<-away
	if err := c.Publish(t.Context(), "news", []byte("stale")); err == nil {
		t.Error("a message was taken while the server was away: it would come late")
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-back:
	case <-time.After(10 * time.Second):
		t.Fatal("OnReconnect was not called")
	}
	publish(t, c, "news", "fresh")
	heard.want(t, "news fresh")
	if got := testutil.ToFloat64(c.metrics.reconnects); got != 1 {
		t.Errorf("%v reconnects were counted, want 1", got)
	}
	if got := testutil.ToFloat64(c.metrics.failed); got != 1 {
		t.Errorf("%v messages were counted as not published, want 1", got)
	}
}

func TestDialDoesNotNeedTheServer(t *testing.T) {
	n := start(t)
	n.Stop()
	c := dial(t, Config{URL: n.URL})
	heard, back := make(told, 10), make(chan struct{}, 10)
	if _, err := c.Subscribe("news", heard.handle); err != nil {
		t.Fatal(err)
	}
	c.OnReconnect(func() { back <- struct{}{} })
	if c.Connected() {
		t.Error("connected to a server that is away")
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-back:
	case <-time.After(10 * time.Second):
		t.Fatal("OnReconnect was not called for the first, late connection")
	}
	publish(t, c, "news", "x")
	heard.want(t, "news x")
}

func TestSlowSubscriberLosesAndHoldsUpNobody(t *testing.T) {
	n := start(t)
	c, publisher := dial(t, Config{URL: n.URL}), dial(t, Config{URL: n.URL})
	release, fast := make(chan struct{}), make(told, 3*pendingMessages)
	slow := subscribe(t, c, "news", func(context.Context, string, []byte) { <-release })
	subscribe(t, c, "news", fast.handle)
	for i := range 2 * pendingMessages {
		publish(t, publisher, "news", fmt.Sprint(i))
		if i%1000 == 0 {
			flush(t, publisher)
			flush(t, c) // what was sent before is with the subscribers
		}
	}
	for i := range 2 * pendingMessages {
		fast.want(t, fmt.Sprintf("news %d", i))
	}
	flush(t, c)
	lost := c.Dropped()
	if want := uint64(pendingMessages - 1); lost < want || lost > want+1 { // one is with the handler
		t.Errorf("%d messages were counted as dropped, want %d", lost, want)
	}
	close(release)
	if err := slow.Close(); err != nil {
		t.Fatal(err)
	}
	if got := c.Dropped(); got != lost {
		t.Errorf("after the subscription ended %d are counted, want %d", got, lost)
	}
}

func TestTraceTravelsWithTheMessage(t *testing.T) {
	before := otel.GetTextMapPropagator()
	otel.SetTextMapPropagator(propagation.TraceContext{})
	t.Cleanup(func() { otel.SetTextMapPropagator(before) })
	n := start(t)
	c := dial(t, Config{URL: n.URL})
	heard := make(chan trace.SpanContext, 10)
	subscribe(t, c, "news", func(ctx context.Context, _ string, _ []byte) { heard <- trace.SpanContextFromContext(ctx) })
	sent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	if err := c.Publish(trace.ContextWithSpanContext(t.Context(), sent), "news", nil); err != nil {
		t.Fatal(err)
	}
	publish(t, c, "news", "without")
	if got := <-heard; got.TraceID() != sent.TraceID() || got.SpanID() != sent.SpanID() || !got.IsRemote() {
		t.Errorf("heard trace %v, want %v", got, sent)
	}
	if got := <-heard; got.IsValid() {
		t.Errorf("a message without a trace came with %v", got)
	}
}

func TestWrongURLIsAnErrorAtOnce(t *testing.T) {
	if _, err := Dial(Config{URL: "nats://127.0.0.1:port"}); err == nil {
		t.Error("a URL that can't be read was taken")
	}
}

func TestMetricsLeaveWithTheConnection(t *testing.T) {
	n := start(t)
	registry := prometheus.NewRegistry()
	first, second := dial(t, Config{URL: n.URL, Name: "a", Registry: registry}), dial(t, Config{URL: n.URL, Name: "b", Registry: registry})
	count := func() int {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, f := range families {
			sum += len(f.GetMetric())
		}
		return sum
	}
	if got := count(); got != 10 {
		t.Errorf("two connections have %d metrics, want 10", got)
	}
	first.Close()
	second.Close()
	if got := count(); got != 0 {
		t.Errorf("%d metrics are left of closed connections", got)
	}
}
