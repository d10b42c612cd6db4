package edge

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// people by their tokens. The messages of these tests have one field, value: it names the tenant.
type people map[string]*identity.Identity

func (p people) Identify(_ context.Context, token string) (*identity.Identity, error) {
	if who, ok := p[token]; ok {
		return who, nil
	}
	return nil, refusal.New(refusal.Unauthenticated, "TOKEN_MISSING", "there is no token")
}

func (p people) Spend(caller string) error {
	if caller == "hasty" {
		return refusal.New(refusal.Full, "RATE_LIMIT", "too often")
	}
	return nil
}

func worker(subject string) *identity.Identity {
	return &identity.Identity{Subject: subject, Tenants: []string{"acme"}, Roles: []string{"worker"}}
}

// guarded serves the two methods, and three plain routes.
func guarded(t *testing.T, who people) *world {
	t.Helper()
	w := &world{reg: prometheus.NewRegistry()}
	s := NewServer(ServerConfig{Listen: "127.0.0.1:0", Grace: time.Second, Callers: who}, zap.NewNop(), w.reg)
	s.Allow(nil, Rule{Route: unaryPath, Roles: []string{"worker"}, Tenant: "value"})
	s.Allow(nil, Rule{Route: bidiPath, Roles: []string{"worker"}, Tenant: "value"})
	s.Allow(nil, Rule{Route: "/open", Roles: []string{Anyone}})
	s.Allow(nil, Rule{Route: "/plain/{tenant}/", Roles: []string{"worker"}, Tenant: "{tenant}"})
	s.Allow(nil, Rule{Route: "/within", Roles: []string{"worker"}, Within: true})
	options := Options(zap.NewNop(), w.reg, nil)
	mux := http.NewServeMux()
	mux.Handle(unaryPath, connect.NewUnaryHandler(unaryPath, func(ctx context.Context, _ *connect.Request[wrapperspb.StringValue]) (*connect.Response[emptypb.Empty], error) {
		if identity.From(ctx) == nil {
			return nil, fmt.Errorf("nobody asks")
		}
		return connect.NewResponse(&emptypb.Empty{}), nil
	}, options...))
	mux.Handle(bidiPath, connect.NewBidiStreamHandler(bidiPath, func(_ context.Context, stream *connect.BidiStream[wrapperspb.StringValue, wrapperspb.StringValue]) error {
		for {
			m, err := stream.Receive()
			if err == nil {
				err = stream.Send(m)
			}
			if err != nil {
				return err
			}
		}
	}, options...))
	s.Mount(echoService, "/"+echoService+"/", mux)
	ok := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "in") })
	s.Handle("/open", ok)
	s.Handle("/plain/{tenant}/", ok)
	s.Handle("/within", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := AdmitTenant(r.Context(), r.FormValue("token"), r.FormValue("tenant")); err != nil {
			WriteError(w, r, zap.NewNop(), err)
		}
	}))
	w.run(t, s)
	return w
}

func with(token string) connect.ClientOption {
	return WithToken(func(context.Context) (string, error) { return token, nil })
}

func TestOnlyWhoMayIsLetIn(t *testing.T) {
	w := guarded(t, people{"good": worker("u"), "idle": {Subject: "i", Tenants: []string{"acme"}}, "hasty": worker("hasty"), "any": {Subject: "a", Tenants: []string{identity.Every}, Roles: []string{"worker"}}})
	for name, options := range map[string][]connect.ClientOption{"connect": nil, "gRPC": {connect.WithGRPC()}, "gRPC-Web": {connect.WithGRPCWeb()}} {
		for _, c := range []struct {
			token, tenant string
			want          connect.Code
		}{
			{"good", "acme", 0}, {"any", "other", 0},
			{"", "acme", connect.CodeUnauthenticated}, {"bad", "acme", connect.CodeUnauthenticated},
			{"idle", "acme", connect.CodePermissionDenied}, {"good", "other", connect.CodePermissionDenied},
			{"good", "", connect.CodeInvalidArgument}, {"hasty", "acme", connect.CodeResourceExhausted},
		} {
			err := w.unary(t, c.tenant, append([]connect.ClientOption{with(c.token)}, options...)...)
			if got := connect.CodeOf(err); err == nil && c.want != 0 || err != nil && got != c.want {
				t.Errorf("%s: %q about %q: %v, want %s", name, c.token, c.tenant, err, c.want)
			}
		}
	}
	if n := testutil.CollectAndCount(w.reg, "busyhour_edge_refused_total"); n != 5 {
		t.Errorf("%d reasons are counted, want 5", n)
	}
}

func TestWhoAsksTooOftenIsToldWhenToComeAgain(t *testing.T) {
	err := guarded(t, people{"hasty": worker("hasty")}).unary(t, "acme", with("hasty"), connect.WithGRPC())
	e := new(connect.Error)
	if !asConnect(err, &e) || len(e.Details()) == 0 {
		t.Fatal(err)
	}
	m, _ := e.Details()[0].Value()
	if retry, ok := m.(*errdetails.RetryInfo); !ok || retry.RetryDelay.AsDuration() != retryAfter {
		t.Error(m)
	}
}

func asConnect(err error, into **connect.Error) bool {
	e, ok := err.(*connect.Error) //nolint:errorlint // connect's client gives just that
	*into = e
	return ok
}

func TestPlainRoutes(t *testing.T) {
	w := guarded(t, people{"good": worker("u")})
	for _, c := range []struct {
		path, token string
		want        int
	}{
		{"/open", "", 200}, {"/open", "bad", 200},
		{"/plain/acme/x", "good", 200}, {"/plain/acme/x", "", 401}, {"/plain/other/x", "good", 403},
		{"/within?token=good&tenant=acme", "", 200}, {"/within?tenant=acme", "", 401}, {"/within?token=good&tenant=other", "", 403},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%s with %q: %s", c.path, c.token, res.Status)
		}
		if challenged := res.Header.Get("WWW-Authenticate") != ""; c.path[1] == 'p' && challenged != (c.want == 401) {
			t.Errorf("%s: challenged %v", c.path, challenged)
		}
	}
}

func TestWhatHasNoRuleNobodyMayDo(t *testing.T) {
	w := guarded(t, people{"good": worker("u")})
	client := connect.NewClient[wrapperspb.StringValue, emptypb.Empty](h2c(t), w.url+"/"+echoService+"/Forgotten", with("good"))
	if _, err := client.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String("acme"))); connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Error(err)
	}
	s := NewServer(ServerConfig{Listen: "127.0.0.1:0", Callers: people{}}, zap.NewNop(), prometheus.NewRegistry())
	s.Handle("/forgotten", http.NotFoundHandler())
	if err := s.Open(); err == nil || !strings.Contains(err.Error(), "/forgotten") {
		t.Errorf("it starts: %v", err)
	}
}

func TestOfAStreamEachTenantIsAskedFor(t *testing.T) {
	w := guarded(t, people{"good": worker("u")})
	for _, c := range []struct {
		says []string
		want connect.Code
	}{
		{[]string{"other"}, connect.CodePermissionDenied},
		{[]string{""}, connect.CodeInvalidArgument},
		{[]string{"acme", "", "other"}, connect.CodePermissionDenied},
	} {
		stream := connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](h2c(t), w.url+bidiPath, with("good")).CallBidiStream(t.Context())
		var err error
		for i, tenant := range c.says {
			if err = stream.Send(wrapperspb.String(tenant)); err == nil {
				_, err = stream.Receive()
			}
			if last := i == len(c.says)-1; (err != nil) != last {
				t.Fatalf("%v, at %d: %v", c.says, i, err)
			}
		}
		if connect.CodeOf(err) != c.want {
			t.Errorf("%v: %v, want %s", c.says, err, c.want)
		}
	}
}

func TestAStreamEndsWithItsToken(t *testing.T) {
	who := worker("u")
	who.Expires = time.Now().Add(300 * time.Millisecond)
	w := guarded(t, people{"good": who})
	stream := connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](h2c(t), w.url+bidiPath, with("good"), connect.WithGRPC()).CallBidiStream(t.Context())
	if err := stream.Send(wrapperspb.String("acme")); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Receive(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Receive(); connect.CodeOf(err) != connect.CodeUnauthenticated || time.Now().Before(who.Expires) {
		t.Error(err)
	}
}

func TestAHandlerOutsideOfAServerAnswersNobody(t *testing.T) {
	ran := false
	next := func(context.Context, connect.AnyRequest) (connect.AnyResponse, error) { ran = true; return nil, nil }
	if _, err := (admissionInterceptor{}).WrapUnary(next)(t.Context(), connect.NewRequest(&emptypb.Empty{})); err == nil || ran {
		t.Errorf("%v, ran %v", err, ran)
	}
}
