package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/services/busyhour/internal/provision"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

func newProvision() *cobra.Command {
	c := &cobra.Command{
		Use:   "provision",
		Short: "Bulk jobs: bring a file of agents into service, and watch it",
		Long: `import, retry and watch follow a job to its end, and end with exit code 0 if every item was applied, 2 if some failed or were
cancelled, and 1 if it could not be done or asked for at all. The others end with 0, or with 1 if it could not be done. A job
goes on whether or not anybody watches.`,
	}
	c.AddCommand(newProvisionImport(), newProvisionWatch(), newProvisionOutcomes(), newProvisionList(), newProvisionShow(),
		newProvisionPause(), newProvisionResume(), newProvisionCancel(), newProvisionRetry(), newProvisionReconcile())
	return c
}

// unapplied is the error of a job of which not every item was applied.
func unapplied(job *provisioningv1.Job) error {
	only, again := "", ""
	if job.Failed > 0 {
		only, again = " --failed", "; those that failed once more: busyhour provision retry "+job.Id
	}
	return &boot.Exit{Code: 2, Err: fmt.Errorf("of %d items of job %s %s. Which, and why: busyhour provision outcomes %s%s%s",
		job.Total, job.Id, fates(job), job.Id, only, again)}
}

// fates says how the items ended that were not applied.
func fates(job *provisioningv1.Job) string {
	switch {
	case job.Cancelled == 0:
		return fmt.Sprintf("%d failed; the rest are applied", job.Failed)
	case job.Failed == 0:
		return fmt.Sprintf("%d were cancelled; the rest are applied", job.Cancelled)
	default:
		return fmt.Sprintf("%d failed and %d were cancelled; the rest are applied", job.Failed, job.Cancelled)
	}
}

func newProvisionWatch() *cobra.Command {
	c := &cobra.Command{
		Use:   "watch JOB",
		Short: "Follow a job to its end",
		Long: `Shows how far it is, how fast, how long the rest takes, and the first failures as they occur. A paused job is waited for.
Ends with exit code 0 if every item was applied, 2 if some failed or were cancelled, and 1 if it could not be asked for.`,
		Args: cobra.ExactArgs(1),
	}
	t, out := targetFlags(c), outputFlag(c)
	tenant := c.Flags().String("tenant", "demo", "tenant of the job")
	c.RunE = func(c *cobra.Command, args []string) error {
		return t.dial(func(clients *simulate.Clients) error { return follow(c, clients, *out, *tenant, args[0]) })
	}
	return c
}

func follow(c *cobra.Command, clients *simulate.Clients, out output, tenant, id string) error {
	bar := &provision.Bar{To: c.ErrOrStderr(), Terminal: terminal(os.Stderr)}
	f := &provision.Follower{Jobs: clients, Tenant: tenant, ID: id}
	job, err := f.Run(c.Context(), bar)
	bar.Done()
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("job %s goes on: busyhour provision watch %s", id, id)
	case err != nil:
		return err
	}
	if out.json() {
		err = writeMessage(c.OutOrStdout(), job)
	} else {
		_, err = fmt.Fprintf(c.OutOrStdout(), "job %s: %s\n", job.Id, provision.Counts(job))
	}
	if err == nil && job.Applied < job.Total {
		err = unapplied(job)
	}
	return err
}
