package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/pkg/telemetry"
)

// Callers says who asks, and whether too often. *identity.Keeper is one.
type Callers interface {
	Identify(ctx context.Context, token string) (*identity.Identity, error)
	Spend(caller string) error
}

// guard stands at each route of a server: by its rule, and by the token of the caller, it lets a request in. What hangs on the
// words of a request, the tenant and the agent that it names, the interceptor asks by the same rule.
type guard struct {
	callers Callers // nil: nobody is asked, as on the operations port
	log     *zap.Logger
	refused *prometheus.CounterVec

	mu     sync.RWMutex
	rules  map[string]*Rule
	detail Detailer
}

func newGuard(callers Callers, log *zap.Logger, reg prometheus.Registerer) *guard {
	return &guard{callers: callers, log: log, rules: map[string]*Rule{}, refused: telemetry.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "busyhour_edge_refused_total",
		Help: "Requests that were not let in, by reason: TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, ISSUER_AWAY, ROLE_MISSING, TENANT_DENIED, TENANT_MISSING, AGENT_DENIED, RATE_LIMIT, NO_RULE.",
	}, []string{"reason"}))}
}

func (g *guard) allow(detail Detailer, rules []Rule) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if detail != nil {
		g.detail = detail
	}
	for i := range rules {
		g.rules[rules[i].Route] = &rules[i]
	}
}

func (g *guard) rule(route string) *Rule {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.rules[route]
}

// admission is what the guard leaves in the context of a request that it let in.
type admission struct {
	guard *guard
	rule  *Rule
	who   *identity.Identity // nil where the route asks itself
	from  string             // the address of the caller
}

type admissionKey struct{}

func admissionOf(ctx context.Context) *admission {
	a, _ := ctx.Value(admissionKey{}).(*admission)
	return a
}

// at guards a plain route.
func (g *guard) at(pattern string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, err := g.enter(r, pattern)
		if err == nil {
			err = g.plainTenant(ctx, r)
		}
		if err != nil {
			g.turnAway(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// procedures guards the methods of a connect service.
func (g *guard) procedures(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, err := g.enter(r, r.URL.Path)
		if err != nil {
			g.turnAway(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// enter lets a request in, as far as that hangs on its route and its token.
func (g *guard) enter(r *http.Request, route string) (context.Context, error) {
	a := &admission{guard: g, rule: g.rule(route), from: addressOf(r)}
	ctx := context.WithValue(r.Context(), admissionKey{}, a)
	switch {
	case g.callers == nil:
		return ctx, nil
	case a.rule == nil:
		return nil, g.count(refusal.New(refusal.Denied, "NO_RULE", "nobody may call %.128s", route).To("name a method of this version"))
	case a.rule.Within || a.rule.public():
		return ctx, nil
	}
	who, err := a.admit(ctx, Bearer(r), nil)
	if err != nil {
		return nil, err
	}
	a.who = who
	return identity.With(ctx, who), nil
}

// plainTenant asks for the tenant in the path of a plain route.
func (g *guard) plainTenant(ctx context.Context, r *http.Request) error {
	a := admissionOf(ctx)
	if a.who == nil || a.who.Anonymous || a.rule.Tenant != "{tenant}" {
		return nil
	}
	return g.count(a.rule.admitsTenants(a.who, []string{r.PathValue("tenant")}))
}

// admit says who sends this token, and lets them do it.
func (a *admission) admit(ctx context.Context, token string, m proto.Message) (*identity.Identity, error) {
	who, err := a.guard.callers.Identify(ctx, token)
	if err == nil {
		err = a.guard.callers.Spend(callerOf(who, a.from))
	}
	if err == nil {
		err = a.rule.Admits(who, m)
	}
	return who, a.guard.count(err)
}

func (g *guard) count(err error) error {
	if no, ok := refusal.As(err); ok {
		g.refused.WithLabelValues(no.Reason).Inc()
	}
	return err
}

func (g *guard) turnAway(w http.ResponseWriter, r *http.Request, err error) {
	if no, ok := refusal.As(err); ok && no.Code == refusal.Unauthenticated {
		w.Header().Set("WWW-Authenticate", `Bearer realm="busyhour"`)
	}
	if e := connect.NewErrorWriter(); e.IsSupported(r) {
		g.mu.RLock()
		detail := g.detail
		g.mu.RUnlock()
		_ = e.Write(w, r, detail.Error(err)) // the caller may be gone; there is nobody else to tell
		return
	}
	WriteError(w, r, g.log, err)
}

// missing are the plain routes without a rule.
func (g *guard) missing(patterns []string) error {
	if g.callers == nil {
		return nil
	}
	var problems []error
	for _, p := range patterns {
		if g.rule(p) == nil {
			problems = append(problems, fmt.Errorf("route %s has no rule that says who may call it; add one to the table of access", p))
		}
	}
	return errors.Join(problems...)
}

// Admit lets somebody in at a route that asks by itself, for its token came in a message: m names the tenant and the agent,
// or is nil. Who was let in is nil on a server that asks nobody.
func Admit(ctx context.Context, token string, m proto.Message) (*identity.Identity, error) {
	a := admissionOf(ctx)
	if a == nil || a.guard.callers == nil {
		return nil, nil
	}
	return a.admit(ctx, token, m)
}

// AdmitTenant is Admit at a route whose path names the tenant.
func AdmitTenant(ctx context.Context, token, tenant string) (*identity.Identity, error) {
	who, err := Admit(ctx, token, nil)
	if err != nil || who == nil || who.Anonymous {
		return who, err
	}
	a := admissionOf(ctx)
	return who, a.guard.count(a.rule.admitsTenants(who, []string{tenant}))
}

// Bearer is the token in the headers of a request, or "".
func Bearer(r *http.Request) string {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func callerOf(who *identity.Identity, from string) string {
	if who.Anonymous {
		return from
	}
	return who.Subject
}

// admissionInterceptor asks for what a message names.
type admissionInterceptor struct{}

var errUnguarded = errors.New("a handler outside of an edge.Server: nobody says who may call it")

func (admissionInterceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if err := says(ctx, req.Any()); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

func (admissionInterceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		a := admissionOf(ctx)
		if a == nil {
			return errUnguarded
		}
		if a.who == nil || a.who.Anonymous {
			return next(ctx, conn)
		}
		own, cancel := context.WithCancel(ctx)
		defer cancel()
		if !a.who.Expires.IsZero() {
			over := time.AfterFunc(time.Until(a.who.Expires), func() { cancel(); StopReading(ctx) })
			defer over.Stop()
		}
		err := next(own, &admittedConn{StreamingHandlerConn: conn, ctx: ctx})
		if own.Err() != nil && ctx.Err() == nil {
			return a.guard.count(identity.Expired(a.who.Expires))
		}
		return err
	}
}

func (admissionInterceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// says asks whether the caller may send this.
func says(ctx context.Context, m any) error {
	a := admissionOf(ctx)
	switch {
	case a == nil:
		return errUnguarded
	case a.who == nil:
		return nil
	}
	message, ok := m.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no protobuf message", m)
	}
	return a.guard.count(a.rule.Admits(a.who, message))
}

// admittedConn asks for the first message of a stream, and for each later one that names a tenant or an agent again.
type admittedConn struct {
	connect.StreamingHandlerConn
	ctx   context.Context
	begun bool
}

func (c *admittedConn) Receive(m any) error {
	if err := c.StreamingHandlerConn.Receive(m); err != nil {
		return err
	}
	if c.begun && !names(c.ctx, m) {
		return nil
	}
	c.begun = true
	return says(c.ctx, m)
}

func names(ctx context.Context, m any) bool {
	rule := admissionOf(ctx).rule
	message, ok := m.(proto.Message)
	return !ok || len(named(message.ProtoReflect(), rule.Tenant)) > 0 || rule.Agent != "" && len(named(message.ProtoReflect(), rule.Agent)) > 0
}
