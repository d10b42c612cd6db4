package cli

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

func newSwitches() *cobra.Command {
	c := &cobra.Command{
		Use:   "switches",
		Short: "Print the switches, with what their latest inventories lacked",
		Args:  cobra.NoArgs,
	}
	t, out := targetFlags(c), outputFlag(c)
	tenant := c.Flags().String("tenant", "demo", "tenant of the switches")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return t.dial(func(clients *simulate.Clients) error {
			ctx, cancel := context.WithTimeout(c.Context(), closeLimit)
			defer cancel()
			list, err := clients.Switches(ctx, *tenant)
			if err != nil {
				return fmt.Errorf("list the switches of %s: %w", *tenant, err)
			}
			if out.json() {
				return writeJSON(c.OutOrStdout(), list)
			}
			return writeSwitches(c.OutOrStdout(), list, time.Now())
		})
	}
	c.AddCommand(newSwitchesReap())
	return c
}

func writeSwitches(w io.Writer, list []*routingv1.Switch, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SWITCH\tCARRIES\tMISSING\tASKED\tALARM")
	for _, s := range list {
		ago := now.Sub(s.InventoryAt.AsTime()).Round(time.Second)
		fmt.Fprintf(t, "%s\t%d\t%d of %d\t%s ago\t%s\n", s.Id, s.Carried, s.Missing, s.Judged, ago, s.Alarm)
	}
	return t.Flush()
}

func newSwitchesReap() *cobra.Command {
	c := &cobra.Command{
		Use:   "reap SWITCH",
		Short: "Accept that the calls which a switch lacks are lost",
		Long: `The answer to the alarm "a switch lacks calls, and nothing is closed", once somebody has looked at the switch: the contacts that
its latest inventory lacked are lost, their cards go, and the switch is believed from now on. Again is harmless.`,
		Args: cobra.ExactArgs(1),
	}
	t, out := targetFlags(c), outputFlag(c)
	r := &routingv1.ReapSwitchRequest{}
	c.Flags().StringVar(&r.Tenant, "tenant", "demo", "tenant of the switch")
	c.Flags().StringVar(&r.Reason, "reason", "", "who accepts it and why; goes into the log")
	_ = c.MarkFlagRequired("reason")
	c.RunE = func(c *cobra.Command, args []string) error {
		r.SwitchId = args[0]
		return t.dial(func(clients *simulate.Clients) error {
			answer, err := clients.ReapSwitch(c.Context(), r)
			if err != nil {
				return fmt.Errorf("reap switch %s: %w", r.SwitchId, err)
			}
			if out.json() {
				return writeJSON(c.OutOrStdout(), answer)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d contacts of switch %s are lost\n", len(answer.ContactIds), r.SwitchId)
			return err
		})
	}
	return c
}
