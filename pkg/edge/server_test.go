package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/busyhour/busyhour/pkg/refusal"
)

const (
	echoService = "test.v1.EchoService"
	unaryPath   = "/" + echoService + "/Unary"
	bidiPath    = "/" + echoService + "/Bidi"
)

// world is a running server with one unary and one bidi method, whose behaviour a test sets.
type world struct {
	url   string
	reg   *prometheus.Registry
	logs  *observer.ObservedLogs
	stop  func() error // ends the server and gives what Run returned
	ready error
}

type behaviour struct {
	unary func(context.Context, string) error
	bidi  func(context.Context, *connect.BidiStream[wrapperspb.StringValue, wrapperspb.StringValue]) error
	plain http.HandlerFunc
	grace time.Duration
}

func serve(t *testing.T, b behaviour) *world {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	w := &world{reg: prometheus.NewRegistry(), logs: logs}
	log := zap.New(core)
	s := NewServer(ServerConfig{Listen: "127.0.0.1:0", Grace: b.grace, Ready: func() error { return w.ready }}, log, w.reg)
	options := Options(log, w.reg, func(r *refusal.Refusal) proto.Message { return wrapperspb.String(r.Reason) })
	mux := http.NewServeMux()
	mux.Handle(unaryPath, connect.NewUnaryHandler(unaryPath, func(ctx context.Context, req *connect.Request[wrapperspb.StringValue]) (*connect.Response[emptypb.Empty], error) {
		return connect.NewResponse(&emptypb.Empty{}), b.unary(ctx, req.Msg.Value)
	}, options...))
	mux.Handle(bidiPath, connect.NewBidiStreamHandler(bidiPath, func(ctx context.Context, stream *connect.BidiStream[wrapperspb.StringValue, wrapperspb.StringValue]) error {
		return b.bidi(ctx, stream)
	}, options...))
	s.Mount(echoService, "/"+echoService+"/", mux)
	if b.plain != nil {
		s.Handle("/plain", b.plain)
	}
	w.run(t, s)
	return w
}

func (w *world) run(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	w.url = "http://" + s.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	w.stop = func() error { cancel(); err := <-ended; ended <- err; return err }
	t.Cleanup(func() { _ = w.stop() })
}

func h2c(t *testing.T) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (w *world) unary(t *testing.T, value string, opts ...connect.ClientOption) error {
	t.Helper()
	client := connect.NewClient[wrapperspb.StringValue, emptypb.Empty](h2c(t), w.url+unaryPath, opts...)
	_, err := client.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String(value)))
	return err
}

func TestOnePortSpeaksJSONAndGRPC(t *testing.T) {
	w := serve(t, behaviour{unary: func(ctx context.Context, s string) error {
		if s != "hello" || RequestID(ctx) == "" {
			return fmt.Errorf("got %q in request %q", s, RequestID(ctx))
		}
		return nil
	}})
	res, err := http.Post(w.url+unaryPath, "application/json", strings.NewReader(`"hello"`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.ProtoMajor != 1 {
		t.Errorf("JSON: %s over HTTP/%d", res.Status, res.ProtoMajor)
	}
	for name, opts := range map[string][]connect.ClientOption{"connect": nil, "gRPC": {connect.WithGRPC()}, "gRPC-Web": {connect.WithGRPCWeb()}} {
		if err := w.unary(t, "hello", opts...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := testutil.CollectAndCount(w.reg, "busyhour_rpc_seconds"); n != 1 {
		t.Errorf("%d series, want 1", n)
	}
}

func TestRequestIDs(t *testing.T) {
	w := serve(t, behaviour{plain: func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, RequestID(r.Context())) }})
	for id, kept := range map[string]bool{"abc-1": true, "": false, "two words": false, strings.Repeat("x", 129): false} {
		req, _ := http.NewRequest(http.MethodGet, w.url+"/plain", nil)
		req.Header.Set(RequestHeader, id)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if got := res.Header.Get(RequestHeader); got == "" || got != string(body) || (got == id) != kept {
			t.Errorf("sent %q, header %q, context %q", id, got, body)
		}
	}
}

func TestARefusalReachesTheCallerWithItsDetail(t *testing.T) {
	w := serve(t, behaviour{unary: func(context.Context, string) error {
		return fmt.Errorf("accept: %w", refusal.New(refusal.Impossible, "OFFER_GONE", "the offer is gone").At("contact:c-1", 3, 14).To("wait for the next"))
	}})
	for name, opts := range map[string][]connect.ClientOption{"connect": nil, "gRPC": {connect.WithGRPC()}} {
		err := w.unary(t, "x", opts...)
		var e *connect.Error
		if !errors.As(err, &e) || e.Code() != connect.CodeFailedPrecondition || e.Message() != "the offer is gone (contact:c-1 at revision 3.14): wait for the next" {
			t.Fatalf("%s: %v", name, err)
		}
		m, err := e.Details()[0].Value()
		if err != nil || m.(*wrapperspb.StringValue).Value != "OFFER_GONE" {
			t.Errorf("%s: detail %v, %v", name, m, err)
		}
	}
	if w.logs.FilterLevelExact(zap.ErrorLevel).Len() != 0 {
		t.Error("a refusal was logged as an error")
	}
}

func TestAFailureIsLoggedOnceUnderTheRequestThatTheCallerIsTold(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("redis: dial tcp 10.0.0.1") },
		"panic": func() error { panic("redis: dial tcp 10.0.0.1") },
	} {
		w := serve(t, behaviour{unary: func(context.Context, string) error { return fail() }})
		err := w.unary(t, "x")
		if connect.CodeOf(err) != connect.CodeInternal || strings.Contains(err.Error(), "10.0.0.1") {
			t.Errorf("%s: %v", name, err)
		}
		lines := w.logs.FilterMessage("request failed").All()
		if len(lines) != 1 {
			t.Fatalf("%s: %d lines", name, len(lines))
		}
		fields := lines[0].ContextMap()
		if id := fields["request"].(string); !strings.Contains(err.Error(), id) || !strings.Contains(fmt.Sprint(fields["error"]), "10.0.0.1") {
			t.Errorf("%s: caller got %v, log has %v", name, err, fields)
		}
		if _, has := fields["stack"]; has != (name == "panic") {
			t.Errorf("%s: stack logged: %v", name, has)
		}
	}
}

func TestAPanicInAStreamEndsOnlyThatStream(t *testing.T) {
	w := serve(t, behaviour{bidi: func(context.Context, *connect.BidiStream[wrapperspb.StringValue, wrapperspb.StringValue]) error {
		panic("oh")
	}, unary: func(context.Context, string) error { return nil }})
	client := connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](h2c(t), w.url+bidiPath, connect.WithGRPC())
	stream := client.CallBidiStream(t.Context())
	_ = stream.Send(wrapperspb.String("x"))
	if _, err := stream.Receive(); connect.CodeOf(err) != connect.CodeInternal {
		t.Errorf("got %v", err)
	}
	if err := w.unary(t, "x"); err != nil {
		t.Error(err)
	}
}

func TestAnotherServicesRefusalIsHandedThrough(t *testing.T) {
	inner := serve(t, behaviour{unary: func(context.Context, string) error {
		return refusal.New(refusal.Denied, "NOT_YOURS", "not yours")
	}})
	outer := serve(t, behaviour{unary: func(context.Context, string) error { return inner.unary(t, "x") }})
	err := outer.unary(t, "x")
	var e *connect.Error
	if !errors.As(err, &e) || e.Code() != connect.CodePermissionDenied || e.Message() != "not yours" || len(e.Details()) != 1 {
		t.Errorf("got %v", err)
	}
}

func TestTheRequestIDGoesAlongToTheNextService(t *testing.T) {
	var seen string
	inner := serve(t, behaviour{unary: func(ctx context.Context, _ string) error { seen = RequestID(ctx); return nil }})
	outer := serve(t, behaviour{unary: func(ctx context.Context, _ string) error {
		_, err := connect.NewClient[wrapperspb.StringValue, emptypb.Empty](h2c(t), inner.url+unaryPath, ClientOptions(nil)...).
			CallUnary(ctx, connect.NewRequest(wrapperspb.String("x")))
		return err
	}})
	req := connect.NewRequest(wrapperspb.String("x"))
	req.Header().Set(RequestHeader, "r-1")
	if _, err := connect.NewClient[wrapperspb.StringValue, emptypb.Empty](h2c(t), outer.url+unaryPath).CallUnary(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if seen != "r-1" {
		t.Errorf("the next service saw %q", seen)
	}
}

func TestATimeOutIsSaidToBeOne(t *testing.T) {
	w := serve(t, behaviour{unary: func(ctx context.Context, _ string) error { <-ctx.Done(); return fmt.Errorf("load: %w", ctx.Err()) }})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	client := connect.NewClient[wrapperspb.StringValue, emptypb.Empty](h2c(t), w.url+unaryPath)
	_, err := client.CallUnary(ctx, connect.NewRequest(wrapperspb.String("x")))
	if connect.CodeOf(err) != connect.CodeDeadlineExceeded {
		t.Errorf("got %v", err)
	}
}

func TestATooLargeMessageIsRefused(t *testing.T) {
	w := serve(t, behaviour{unary: func(context.Context, string) error { return nil }})
	if err := w.unary(t, strings.Repeat("x", maxMessage)); connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("got %v", err)
	}
	if err := w.unary(t, strings.Repeat("x", maxMessage-16)); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestPlainHandlersAnswerErrorsAsJSON(t *testing.T) {
	log := zap.NewNop()
	w := serve(t, behaviour{plain: func(w http.ResponseWriter, r *http.Request) {
		WriteError(w, r, log, refusal.New(refusal.Full, "JOB_LIMIT", "too many jobs"))
	}})
	res, err := http.Get(w.url + "/plain")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body map[string]string
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "1" {
		t.Errorf("%s, retry after %q", res.Status, res.Header.Get("Retry-After"))
	}
	if body["code"] != "resource_exhausted" || body["reason"] != "JOB_LIMIT" || body["message"] != "too many jobs" || body["request"] == "" {
		t.Errorf("body %v", body)
	}
}

func TestHealthAndReflection(t *testing.T) {
	w := serve(t, behaviour{})
	health := grpchealth.NewClient(h2c(t), w.url, connect.WithGRPC())
	check := func(service string) (grpchealth.Status, error) {
		res, err := health.Check(t.Context(), &grpchealth.CheckRequest{Service: service})
		if err != nil {
			return 0, err
		}
		return res.Status, nil
	}
	for _, service := range []string{"", echoService} {
		if s, err := check(service); err != nil || s != grpchealth.StatusServing {
			t.Errorf("%q: %v, %v", service, s, err)
		}
	}
	if _, err := check("nobody"); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("nobody: %v", err)
	}
	w.ready = errors.New("no epoch yet")
	if s, err := check(""); err != nil || s != grpchealth.StatusNotServing {
		t.Errorf("unready: %v, %v", s, err)
	}
	stream := grpcreflect.NewClient(h2c(t), w.url, connect.WithGRPC()).NewStream(t.Context())
	defer stream.Close()
	names, err := stream.ListServices()
	if err != nil || len(names) != 1 || string(names[0]) != echoService {
		t.Errorf("reflection: %v, %v", names, err)
	}
}

func TestAStoppingServerTellsItsStreamsAndWaitsForThem(t *testing.T) {
	w := serve(t, behaviour{bidi: func(ctx context.Context, s *connect.BidiStream[wrapperspb.StringValue, wrapperspb.StringValue]) error {
		if err := s.Send(wrapperspb.String("hello")); err != nil {
			return err
		}
		<-Draining(ctx)
		if err := s.Send(wrapperspb.String("goodbye")); err != nil {
			return err
		}
		return ErrDraining()
	}})
	client := connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](h2c(t), w.url+bidiPath, connect.WithGRPC())
	stream := client.CallBidiStream(t.Context())
	_ = stream.Send(wrapperspb.String("x"))
	if m, err := stream.Receive(); err != nil || m.Value != "hello" {
		t.Fatal(m, err)
	}
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	if m, err := stream.Receive(); err != nil || m.Value != "goodbye" {
		t.Error(m, err)
	}
	if _, err := stream.Receive(); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Error(err)
	}
	if n := w.logs.FilterMessageSnippet("cutting").Len(); n != 0 {
		t.Error("it was cut")
	}
}

func TestAStoppingServerWaitsForWebSockets(t *testing.T) {
	w := serve(t, behaviour{plain: func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		<-Draining(r.Context())
		_ = c.Close(CloseRestart, "bye")
	}})
	c, _, err := websocket.Dial(t.Context(), w.url+"/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	stopped := make(chan error, 1)
	go func() { stopped <- w.stop() }()
	_, _, err = c.Read(t.Context())
	if websocket.CloseStatus(err) != CloseRestart {
		t.Errorf("got %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestWhatDoesNotEndInTimeIsCut(t *testing.T) {
	entered, cutOff := make(chan struct{}), make(chan struct{})
	w := serve(t, behaviour{grace: 50 * time.Millisecond, unary: func(ctx context.Context, _ string) error {
		close(entered)
		<-ctx.Done()
		close(cutOff)
		return ctx.Err()
	}})
	answered := make(chan error, 1)
	go func() { answered <- w.unary(t, "x") }()
	<-entered
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	<-cutOff
	if err := <-answered; err == nil {
		t.Error("the call succeeded")
	}
	if n := w.logs.FilterMessageSnippet("cutting").Len(); n != 1 {
		t.Errorf("%d warnings", n)
	}
}

func TestAnAddressInUseIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := NewServer(ServerConfig{Listen: l.Addr().String()}, zap.NewNop(), prometheus.NewRegistry())
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

func TestConnectionsAreCounted(t *testing.T) {
	w := serve(t, behaviour{unary: func(context.Context, string) error { return nil }})
	client := h2c(t)
	_, err := connect.NewClient[wrapperspb.StringValue, emptypb.Empty](client, w.url+unaryPath).CallUnary(t.Context(), connect.NewRequest(wrapperspb.String("x")))
	if err != nil {
		t.Fatal(err)
	}
	want := "# HELP busyhour_edge_connections Connections open now, WebSockets not counted.\n# TYPE busyhour_edge_connections gauge\nbusyhour_edge_connections %d\n"
	if err := testutil.GatherAndCompare(w.reg, strings.NewReader(fmt.Sprintf(want, 1)), "busyhour_edge_connections"); err != nil {
		t.Error(err)
	}
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	if err := testutil.GatherAndCompare(w.reg, strings.NewReader(fmt.Sprintf(want, 0)), "busyhour_edge_connections"); err != nil {
		t.Error(err)
	}
}

func TestOps(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "busyhour_test_things", Help: "x"}, func() float64 { return 7 }))
	var ready error
	w := &world{reg: reg}
	s := NewServer(ServerConfig{Listen: "127.0.0.1:0"}, zap.NewNop(), prometheus.NewRegistry())
	state := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "state of ", r.URL.Path) })
	s.Handle("/", OpsHandler(reg, func() error { return ready }, state))
	s.Handle("/debug/", PprofHandler())
	w.run(t, s)
	for _, c := range []struct {
		path   string
		ready  error
		status int
		has    string
	}{
		{"/healthz", errors.New("x"), 200, "ok"},
		{"/readyz", nil, 200, "ready"},
		{"/readyz", errors.New("tenant acme: no epoch"), 503, "tenant acme: no epoch"},
		{"/metrics", nil, 200, "busyhour_test_things 7"},
		{"/statusz", nil, 200, "state of /statusz"},
		{"/state/verify", nil, 200, "state of /state/verify"},
		{"/debug/pprof/cmdline", nil, 200, "edge"},
		{"/nothing", nil, 404, ""},
	} {
		ready = c.ready
		res, err := http.Get(w.url + c.path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.status || !bytes.Contains(body, []byte(c.has)) {
			t.Errorf("%s: %s %s", c.path, res.Status, body)
		}
	}
}
