package up

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/busyhour/busyhour/api/access"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

const (
	demoSwitch  = "demo-switch"
	demoTalk    = time.Minute
	startLimit  = time.Minute
	callsInHand = 100 // a demo, not a load
)

// demo is what makes an empty system worth opening: people in the directory, and a switch that places a call when it is
// asked to. It uses the public APIs, as anybody could.
type demo struct {
	cfg     Config
	url     string
	tokens  *tokens
	kafka   string // a broker
	began   time.Time
	targets simulate.Targets
	calls   *simulate.Switch
}

func newDemo(url, kafka string, cfg Config, tokens *tokens, began time.Time) *demo {
	at := simulate.At(url)
	at.Token = tokens.command
	return &demo{cfg: cfg, url: url, kafka: kafka, tokens: tokens, began: began, targets: at, calls: simulate.NewSwitch(simulate.SwitchConfig{
		Adopt:  true, // calls outlive this process, their switch should too
		Stream: simulate.StreamConfig{Tenant: Tenant, Switch: demoSwitch, URLs: at.Routing, Token: at.Token},
	})}
}

// mount adds the way to place a call from a page or with curl.
func (d *demo) mount(e *edge.Server) {
	var protect http.CrossOriginProtection
	e.Allow(nil, edge.Rule{Route: "POST /demo/calls", Roles: []string{access.Switch, access.Admin}})
	e.Handle("POST /demo/calls", protect.Handler(http.HandlerFunc(d.place)))
}

// run makes the people known, says what there is to see, and keeps the switch connected until ctx ends.
func (d *demo) run(ctx context.Context, ready func(context.Context) error) error {
	starting, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := d.start(starting, ready); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	d.banner()
	return d.calls.Run(ctx)
}

func (d *demo) start(ctx context.Context, ready func(context.Context) error) error {
	if err := ready(ctx); err != nil {
		return err
	}
	clients := d.targets.Dial()
	defer clients.Close()
	if _, err := clients.Ensure(ctx, people()); err != nil {
		return fmt.Errorf("make the demo's people known: %w", err)
	}
	live, err := clients.Live(ctx, Tenant)
	if err != nil {
		return fmt.Errorf("look for the calls of last time: %w", err)
	}
	for _, c := range live {
		if c.SwitchId == demoSwitch {
			d.calls.Resume(c, demoTalk)
		}
	}
	return nil
}

// place answers POST /demo/calls?queue=support&from=%2B15550100.
func (d *demo) place(w http.ResponseWriter, r *http.Request) {
	if live, _ := d.calls.Calls(); len(live) >= callsInHand {
		http.Error(w, "the demo switch has 100 calls already; busyhour simulate places more", http.StatusTooManyRequests)
		return
	}
	queue, from := r.FormValue("queue"), r.FormValue("from")
	if queue == "" {
		queue = "support"
	}
	if from == "" {
		from = "+15550100"
	}
	c := d.calls.Place(time.Now(), simulate.Plan{
		Call: simulate.NewCallID(), Talk: demoTalk,
		Offer: &routingv1.CallOffered{QueueId: queue, From: from, To: "+18005550100", Attributes: map[string]string{"customer": "Ada Lovelace"}},
	})
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, "a call from %s in queue %s: contact %s\n", from, queue, c.Contact)
}

func (d *demo) banner() {
	fmt.Fprintf(d.cfg.Out, `
Busyhour is up, %.1f s after its start: everything in one process, on embedded Kafka, Redis and NATS. For development.

  open              %[2]s/#token=%[6]s
                    log in as ann (or bob, carla, dmitri …) and go available
  place a call      %[3]s call --queue support%[4]s
  or with curl      curl -X POST -H "authorization: Bearer $(cat %[7]s)" '%[2]s/demo/calls?queue=support'
  a busy hour       %[3]s simulate --bhcc 20000 --agents 150 --minutes 1%[4]s
  contracts         %[2]s/contracts  every topic and event, for other teams
  ask the API       curl -H "authorization: Bearer $(cat %[7]s)" -H 'content-type: application/json' -d '{"tenant":"demo"}' %[2]s/busyhour.routing.v1.RoutingService/GetQueueFigures
  read along        %[3]s tail call-routing.contact-events.v1 --from 10m --kafka.brokers %[8]s
  metrics           %[2]s/ops/call-routing/metrics (agent-presence, provisioning), with the same token
  the log           %[5]s  the next start brings the state back from it

The token in the first line may be any agent. Commands on this machine find theirs in %[7]s. Ctrl-C ends it.
`, time.Since(d.began).Seconds(), d.url, d.cfg.Self, d.flags(), d.cfg.Data, d.tokens.page, d.tokens.file, d.kafka)
}

// flags are what the other commands need to find us, if anything.
func (d *demo) flags() string {
	flags := ""
	if !strings.HasSuffix(d.url, "127.0.0.1:8080") {
		flags += " --url " + d.url
	}
	if d.tokens.file != TokenFile {
		flags += " --token-file " + d.tokens.file
	}
	return flags
}
