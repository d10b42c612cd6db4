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

// rebuilding is said beside what was read meanwhile.
const rebuilding = "the tenant's state is being rebuilt: jobs may be missing, and counts too low; ask again in a moment"

func newProvisionList() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "Print the jobs of the last 31 days, the newest first",
		Long: `A job is waiting (no item has ended), running, paused, cancelling, cancelled, done, or failed: it is over, and some of its
items failed.`,
		Args: cobra.NoArgs,
	}
	t, out := targetFlags(c), outputFlag(c)
	tenant := c.Flags().String("tenant", "demo", "tenant of the jobs")
	limit := c.Flags().Int("limit", 20, "print at most that many")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *limit < 1 {
			return fmt.Errorf("limit %d: ask for at least 1 job", *limit)
		}
		return t.dial(func(clients *simulate.Clients) error {
			ctx, cancel := context.WithTimeout(c.Context(), closeLimit)
			defer cancel()
			jobs, verified, err := clients.ListJobs(ctx, *tenant, *limit)
			if err != nil {
				return err
			}
			warn(c.ErrOrStderr(), verified)
			return writeJobs(c.OutOrStdout(), *out, jobs)
		})
	}
	return c
}

func writeJobs(w io.Writer, out output, jobs []*provisioningv1.Job) error {
	if !out.json() {
		return provision.WriteJobs(w, jobs)
	}
	for _, j := range jobs {
		if err := writeMessage(w, j); err != nil {
			return err
		}
	}
	return nil
}

// warn says that what was read may not be all.
func warn(w io.Writer, verified bool) {
	if !verified {
		fmt.Fprintln(w, rebuilding)
	}
}

func newProvisionShow() *cobra.Command {
	c := &cobra.Command{
		Use:   "show JOB",
		Short: "Print all that is known of a job: who asked for it, when, from which file, and how far it is",
		Args:  cobra.ExactArgs(1),
	}
	t, out := targetFlags(c), outputFlag(c)
	tenant := c.Flags().String("tenant", "demo", "tenant of the job")
	c.RunE = func(c *cobra.Command, args []string) error {
		return t.dial(func(clients *simulate.Clients) error {
			ctx, cancel := context.WithTimeout(c.Context(), closeLimit)
			defer cancel()
			job, verified, err := clients.Job(ctx, *tenant, args[0])
			if err != nil {
				return err
			}
			warn(c.ErrOrStderr(), verified)
			if out.json() {
				return writeMessage(c.OutOrStdout(), job)
			}
			return provision.WriteJob(c.OutOrStdout(), job)
		})
	}
	return c
}
