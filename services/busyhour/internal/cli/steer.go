package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/busyhour/internal/provision"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// steering are the flags of commands that change how a job goes on.
type steering struct {
	targets       *targets
	out           *output
	tenant, actor string
}

func steeringFlags(c *cobra.Command) *steering {
	s := &steering{targets: targetFlags(c), out: outputFlag(c)}
	c.Flags().StringVar(&s.tenant, "tenant", "demo", "tenant of the job")
	c.Flags().StringVar(&s.actor, "actor", currentUser(), "who asks for it; goes into the log")
	return s
}

// steer asks for the change, and says how the job stands then.
func (s *steering) steer(c *cobra.Command, change func(context.Context, *simulate.Clients) (*provisioningv1.Job, error)) error {
	return s.targets.dial(func(clients *simulate.Clients) error {
		ctx, cancel := context.WithTimeout(c.Context(), closeLimit)
		defer cancel()
		job, err := change(ctx, clients)
		if err != nil {
			return err
		}
		if s.out.json() {
			return writeMessage(c.OutOrStdout(), job)
		}
		return writeStanding(c.OutOrStdout(), job)
	})
}

// writeStanding says how a job stands, and what leads on from there.
func writeStanding(w io.Writer, job *provisioningv1.Job) error {
	said := fmt.Sprintf("job %s: %s, %s", job.Id, provision.State(job), provision.Counts(job))
	switch {
	case provision.State(job) == "paused":
		said += "; it goes on with: busyhour provision resume " + job.Id
	case job.Pending > 0:
		said += "; to its end: busyhour provision watch " + job.Id
	}
	_, err := fmt.Fprintln(w, said)
	return err
}

func newProvisionPause() *cobra.Command {
	c := &cobra.Command{
		Use:   "pause JOB",
		Short: "Let no further item of a job begin",
		Long:  `Items that are under way end as they will. Again is harmless. "provision resume" lets the job go on.`,
		Args:  cobra.ExactArgs(1),
	}
	s := steeringFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return s.steer(c, func(ctx context.Context, clients *simulate.Clients) (*provisioningv1.Job, error) {
			return clients.PauseJob(ctx, &provisioningv1.PauseJobRequest{Tenant: s.tenant, Id: args[0], Actor: s.actor})
		})
	}
	return c
}

func newProvisionResume() *cobra.Command {
	c := &cobra.Command{
		Use:   "resume JOB",
		Short: "Let a paused job go on",
		Args:  cobra.ExactArgs(1),
	}
	s := steeringFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return s.steer(c, func(ctx context.Context, clients *simulate.Clients) (*provisioningv1.Job, error) {
			return clients.ResumeJob(ctx, &provisioningv1.ResumeJobRequest{Tenant: s.tenant, Id: args[0], Actor: s.actor})
		})
	}
	return c
}

func newProvisionCancel() *cobra.Command {
	c := &cobra.Command{
		Use:   "cancel JOB",
		Short: "End all items of a job that have not begun",
		Long: `Asks first, on a terminal; elsewhere --yes is needed. Items that are under way end as they will, and what was applied stays
applied. A cancelled job does not go on any more.`,
		Args: cobra.ExactArgs(1),
	}
	s := steeringFlags(c)
	yes := c.Flags().BoolP("yes", "y", false, "do not ask")
	c.RunE = func(c *cobra.Command, args []string) error {
		if !*yes {
			if err := s.confirmCancel(c, args[0]); err != nil {
				return err
			}
		}
		return s.steer(c, func(ctx context.Context, clients *simulate.Clients) (*provisioningv1.Job, error) {
			return clients.CancelJob(ctx, &provisioningv1.CancelJobRequest{Tenant: s.tenant, Id: args[0], Actor: s.actor})
		})
	}
	return c
}

// confirmCancel says what is about to be cancelled, and asks whether it shall be.
func (s *steering) confirmCancel(c *cobra.Command, id string) error {
	if !person(c.InOrStdin()) {
		return fmt.Errorf("cancel job %s of tenant %s: nobody can be asked whether it shall be, for the input is no terminal; give --yes", id, s.tenant)
	}
	return s.targets.dial(func(clients *simulate.Clients) error {
		ctx, cancel := context.WithTimeout(c.Context(), closeLimit)
		defer cancel()
		job, _, err := clients.Job(ctx, s.tenant, id)
		if err != nil {
			return err
		}
		return confirm(c.Context(), c.InOrStdin(), c.ErrOrStderr(), cancelQuestion(job))
	})
}

func cancelQuestion(job *provisioningv1.Job) string {
	from := ""
	if name := job.GetFile().GetName(); name != "" {
		from = " (" + provision.Plain(name) + ")"
	}
	return fmt.Sprintf("Cancel job %s%s: %s of %d items?", job.Id, from, provision.Counts(job), job.Total)
}
