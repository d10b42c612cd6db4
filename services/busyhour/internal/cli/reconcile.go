package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/services/busyhour/internal/provision"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

func newProvisionReconcile() *cobra.Command {
	c := &cobra.Command{
		Use:   "reconcile",
		Short: "Compare the downstream with the directory now, and repair what differs",
		Long: `What differs is repaired by jobs, which go on after this has ended. Ends with exit code 0 if all agents are as they
should be or are being repaired, 2 if some are not (in a dry run: if any differ), and 1 if it could not be done. A round goes
on whether or not anybody watches.`,
		Args: cobra.NoArgs,
	}
	t, out := targetFlags(c), outputFlag(c)
	r := &provisioningv1.ReconcileRequest{}
	f := c.Flags()
	f.StringVar(&r.Tenant, "tenant", "demo", "tenant of the agents")
	f.StringVar(&r.AgentId, "agent", "", "look at this agent only")
	f.StringVar(&r.Actor, "actor", currentUser(), "who asks for it; goes into the report")
	f.BoolVar(&r.DryRun, "dry-run", false, "compare, and repair nothing")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return t.dial(func(clients *simulate.Clients) error { return reconcile(c, clients, *out, r) })
	}
	return c
}

func reconcile(c *cobra.Command, clients *simulate.Clients, out output, r *provisioningv1.ReconcileRequest) error {
	begun, err := clients.Reconcile(c.Context(), r)
	if err != nil {
		return err
	}
	report, err := provision.FollowRound(c.Context(), clients, begun, howFar(c.ErrOrStderr()))
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("the round goes on; ask for its report by GetReconciliation")
	case err != nil:
		return err
	}
	if out.json() {
		err = writeMessage(c.OutOrStdout(), report)
	} else {
		err = provision.WriteReport(c.OutOrStdout(), report)
	}
	switch n := provision.Remaining(report); {
	case err != nil:
		return err
	case report.Problem != "":
		return fmt.Errorf("the round ended before all were looked at: %s", report.Problem)
	case n > 0:
		return &boot.Exit{Code: 2, Err: fmt.Errorf("%d agents of the downstream are not as the directory says", n)}
	}
	return nil
}

// howFar tells a terminal how far a round is.
func howFar(w io.Writer) func(*provisioningv1.Reconciliation) {
	if !terminal(os.Stderr) {
		return func(*provisioningv1.Reconciliation) {}
	}
	return func(r *provisioningv1.Reconciliation) {
		fmt.Fprintf(w, "\r%d of %d agents", r.LookedAt, r.Agents)
		if r.EndedAt != nil {
			fmt.Fprintln(w)
		}
	}
}
