package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

const (
	loggingIn   = 16               // screens that log in at the same time
	peopleLimit = 10 * time.Minute // to make the people known
	logInLimit  = 5 * time.Minute  // to bring all of them to their screens
	logOutLimit = 5 * time.Second  // for the server to close a screen that left
)

// load is one simulation under way.
type load struct {
	cfg      LoadConfig
	ledger   *ledger
	clients  *Clients
	switches []*Switch
	agents   []*agent
	screens  *http.Client
	idle     atomic.Int64
	began    time.Time
	span     time.Duration // as it was; shorter if it was cut off
	written  int
}

// Run plays a busy hour against a running Busyhour: makes the people known, brings agents to their screens, places
// calls for the span, lets the last ones end, audits, and reports. When ctx ends it stops placing calls and does the
// rest. It fails only if the load never began; what was found is in the report.
func Run(ctx context.Context, cfg LoadConfig) (*Report, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	l := &load{cfg: cfg, ledger: newLedger(), clients: cfg.Targets.Dial(), screens: newHTTP1(cfg.Targets.TLS)}
	defer l.clients.Close()
	people, cancel := context.WithTimeout(ctx, peopleLimit)
	defer cancel()
	written, err := l.clients.Ensure(people, cfg.people())
	if err != nil {
		return nil, err
	}
	l.written = written

	// What runs on when ctx has ended: the people stay to finish what they have in hand.
	stay, leave := context.WithCancel(context.WithoutCancel(ctx))
	var parts sync.WaitGroup
	defer parts.Wait()
	defer leave()

	l.startSwitches(stay, &parts)
	if err := l.logIn(ctx, stay, &parts); err != nil {
		return nil, err
	}
	l.begin()
	stopProgress := l.progress(stay)
	l.place(ctx)
	l.end()
	l.close(stay)
	report := l.audit(stay)
	stopProgress()
	l.logOut()
	return report, nil
}

func (l *load) begin() {
	l.began = time.Now()
	if l.cfg.Began != nil {
		l.cfg.Began()
	}
}

func (l *load) end() {
	l.span = time.Since(l.began)
	if l.cfg.Ended != nil {
		l.cfg.Ended()
	}
}

func (l *load) random(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(l.cfg.Seed, stream)) }

func (l *load) startSwitches(ctx context.Context, parts *sync.WaitGroup) {
	run := newID() // calls of two runs must differ, else they are the same contacts
	for i := range l.cfg.Switches {
		sw := NewSwitch(SwitchConfig{
			Saw: l.ledger.step,
			Stream: StreamConfig{
				Tenant: l.cfg.Tenant, Switch: fmt.Sprintf("%s-%s-%d", l.cfg.Prefix, run, i+1), URLs: l.cfg.Targets.Routing, First: i,
				TLS: l.cfg.Targets.TLS, Token: l.cfg.Targets.Token,
				Duplicates: l.cfg.Duplicates, Random: l.random(uint64(i) + 1),
				Sent:    l.cfg.Watch.Sent,
				Acked:   l.acked,
				Refused: l.refused,
				Lost:    func(err error) { l.ledger.failed("switch connection", err) },
			},
		})
		l.switches = append(l.switches, sw)
		parts.Go(func() { _ = sw.Run(ctx) })
	}
}

func (l *load) acked(s Sent) {
	if !s.Duplicate {
		l.ledger.ack.Record(time.Since(s.Due))
	}
	if l.cfg.Watch.Acked != nil {
		l.cfg.Watch.Acked(s)
	}
}

func (l *load) refused(s Sent, r *routingv1.SignalRefused) {
	l.ledger.failed("signal "+s.Signal.Kind.String(), &Refusal{Reason: r.GetRefusal().GetReason(), Message: r.Message})
	switch contact := ContactID(l.cfg.Tenant, s.Signal.SwitchId, s.Signal.CallId); s.Signal.Kind {
	case routingv1.SignalKind_SIGNAL_KIND_OFFERED:
		l.ledger.turnedAway(contact)
	case routingv1.SignalKind_SIGNAL_KIND_ANSWERED:
		l.ledger.answerRefused(contact, s.Due)
	}
	if l.cfg.Watch.Refused != nil {
		l.cfg.Watch.Refused(s, r)
	}
}

// logIn brings everybody to their screen, and available.
func (l *load) logIn(ctx, stay context.Context, parts *sync.WaitGroup) error {
	ctx, cancel := context.WithTimeout(ctx, logInLimit)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(loggingIn)
	for i := range l.cfg.Agents {
		a := &agent{habits: &l.cfg.Habits, watch: &l.cfg.Watch, ledger: l.ledger, idle: &l.idle, random: l.random(uint64(i) + 1_000_000), done: map[string]routingv1.ContactState{}}
		a.screen = NewScreen(ScreenConfig{
			Tenant: l.cfg.Tenant, Agent: l.cfg.AgentID(i), URLs: l.cfg.Targets.Presence, First: i, HTTP: l.screens, Token: l.cfg.Targets.Token,
			Saw: a.saw, Lost: a.lost,
		})
		l.agents = append(l.agents, a)
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			parts.Go(func() { _ = a.screen.Run(stay) })
			_, err := a.screen.Await(ctx, assignable)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("agents do not get available: %w; %s", err, l.ledger.errorsText())
	}
	return nil
}

func assignable(v *View) bool {
	return v.Verified && v.Presence.GetStatus() == presencev1.Status_STATUS_AVAILABLE && v.Presence.GetConnection() == presencev1.Connection_CONNECTION_CONNECTED
}

// place puts calls on the switches in turn until the span is over.
func (l *load) place(ctx context.Context) {
	random := l.random(0)
	n := 0
	Arrivals(ctx, l.cfg.Seed, l.cfg.BHCC, l.cfg.Span, func(due time.Time) {
		sw := l.switches[n%len(l.switches)]
		n++
		plan := l.plan(random, n)
		l.ledger.placed(ContactID(l.cfg.Tenant, sw.ID(), plan.Call), int(l.idle.Load()))
		call := sw.Place(due, plan)
		if l.cfg.Placed != nil {
			l.cfg.Placed(call)
		}
	})
}

func (l *load) plan(random *rand.Rand, n int) Plan {
	patience := time.Minute + time.Duration(random.ExpFloat64()*float64(2*time.Minute))
	if random.Float64() < l.cfg.Abandons {
		patience = time.Millisecond + time.Duration(random.Float64()*1.5*float64(l.cfg.Habits.Think))
	}
	return Plan{
		Call:     fmt.Sprintf("call-%07d", n),
		Patience: patience,
		Talk:     time.Duration(random.ExpFloat64() * float64(l.cfg.Habits.Talk)),
		Offer: &routingv1.CallOffered{
			QueueId: l.cfg.queue(random.IntN(l.cfg.Queues)),
			From:    fmt.Sprintf("+1555%07d", random.IntN(10_000_000)), To: "+18005550100",
			Priority:   uint32(random.IntN(3)),
			Attributes: map[string]string{"customer": fmt.Sprintf("k-%06d", random.IntN(1_000_000)), "language": "en"},
		},
	}
}

// close ends what is still going on, and waits for it.
func (l *load) close(ctx context.Context) {
	random := l.random(2_000_000)
	for _, sw := range l.switches {
		live, _ := sw.Calls()
		for _, c := range live {
			c.Within(time.Duration(random.Float64() * float64(l.cfg.Closing)))
		}
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Closing+l.cfg.Patient)
	defer cancel()
	for _, sw := range l.switches {
		_, all := sw.Calls()
		for _, c := range all {
			select {
			case <-c.Over():
			case <-ctx.Done():
			}
		}
		if err := sw.Stream().Settled(ctx); err != nil {
			l.ledger.fault("%v", err)
		}
	}
	for _, a := range l.agents {
		if v, err := a.screen.Await(ctx, func(v *View) bool { return len(v.Cards) == 0 }); err != nil {
			c := v.Card()
			l.ledger.fault("the card of contact %s (%s) is left on the screen of %s", c.ContactId, c.State, a.screen.Agent())
		}
	}
}

// audit asks for every call how it ended, and makes the report.
func (l *load) audit(ctx context.Context) *Report {
	a := audit{ledger: l.ledger, clients: l.clients, tenant: l.cfg.Tenant, patient: l.cfg.Patient}
	ends := a.run(ctx)
	return l.report(ends)
}

func (l *load) logOut() {
	var g errgroup.Group
	g.SetLimit(loggingIn)
	for _, a := range l.agents {
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(context.Background(), logOutLimit)
			defer cancel()
			a.screen.LogOut(ctx)
			return nil
		})
	}
	_ = g.Wait()
}

// progress tells once a second how it goes, until it is stopped.
func (l *load) progress(ctx context.Context) (stop func()) {
	if l.cfg.Progress == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for Wait(ctx, time.Second) == nil {
			l.cfg.Progress(l.snapshot())
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
