package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spf13/cobra"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

func newCall() *cobra.Command {
	c := &cobra.Command{
		Use:   "call",
		Short: "Place one call against a running instance, and play its switch until it is over",
		Args:  cobra.NoArgs,
	}
	t, f := targetFlags(c), c.Flags()
	tenant := f.String("tenant", "demo", "tenant to call")
	plan := simulate.Plan{Offer: &routingv1.CallOffered{}}
	f.StringVar(&plan.Offer.QueueId, "queue", "support", "queue that is wanted")
	f.StringVar(&plan.Offer.From, "from", fmt.Sprintf("+1555%07d", rand.IntN(10_000_000)), "number of the customer")
	f.StringVar(&plan.Offer.To, "to", "+18005550100", "number that was called")
	f.Uint32Var(&plan.Offer.Priority, "priority", 0, "0 to 100; higher goes first")
	f.StringToStringVar(&plan.Offer.Attributes, "attribute", map[string]string{"customer": "Ada Lovelace"}, "what the card shows beside, key=value")
	f.DurationVar(&plan.Talk, "talk", time.Minute, "the customer hangs up that long after being connected; 0: never")
	f.DurationVar(&plan.Patience, "patience", 0, "the customer hangs up if nobody has answered by then; 0: never")
	c.RunE = func(c *cobra.Command, _ []string) error {
		at := t.get()
		if err := at.Validate(); err != nil {
			return err
		}
		return call(c.Context(), c.OutOrStdout(), at, *tenant, plan)
	}
	return c
}

// call places it and tells what becomes of it. Ctrl-C hangs up.
func call(ctx context.Context, w io.Writer, at simulate.Targets, tenant string, plan simulate.Plan) error {
	plan.Call = simulate.NewCallID()
	refused := make(chan error, 1)
	sw := simulate.NewSwitch(simulate.SwitchConfig{
		Saw: func(c *simulate.Call, s simulate.Status) { tell(w, c, s) },
		Stream: simulate.StreamConfig{
			Tenant: tenant, Switch: "cli-" + plan.Call, URLs: at.Routing, TLS: at.TLS, Token: at.Token,
			Refused: func(s simulate.Sent, r *routingv1.SignalRefused) {
				if s.Signal.Kind == routingv1.SignalKind_SIGNAL_KIND_OFFERED {
					refused <- errors.New("the call was refused: " + r.Message)
				}
			},
			Lost: func(err error) { fmt.Fprintf(w, "%s  no connection: %v; trying again\n", clock(), err) },
		},
	})
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() { defer close(ended); _ = sw.Run(running) }()
	defer func() { stop(); <-ended }()

	placed := sw.Place(time.Now(), plan)
	select {
	case err := <-refused:
		return err
	case <-placed.Over():
	case <-ctx.Done():
		placed.HangUp()
	}
	settled, cancel := context.WithTimeout(running, 5*time.Second)
	defer cancel()
	return sw.Stream().Settled(settled)
}

func tell(w io.Writer, c *simulate.Call, s simulate.Status) {
	text := s.Step.String()
	switch s.Step {
	case simulate.Placed:
		text = fmt.Sprintf("call from %s in queue %s; contact %s", c.Plan.Offer.From, c.Plan.Offer.QueueId, c.Contact)
	case simulate.Ringing:
		text = "rings at " + s.Agent
	case simulate.Connected:
		text = "connected to " + s.Agent
	case simulate.Over:
		text = "over, ended by the " + strings.ToLower(strings.TrimPrefix(s.EndedBy.String(), "ENDED_BY_"))
	}
	fmt.Fprintf(w, "%s  %s\n", clock(), text)
}

func clock() string { return time.Now().Format(time.TimeOnly) }
