package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

func newProvisionRetry() *cobra.Command {
	c := &cobra.Command{
		Use:   "retry JOB",
		Short: "Make a new job of the items of a job that failed",
		Long: `The new job is followed to its end, as import does. The same JOB again is the same new job and changes nothing, unless
--request-id says that it is another; if items of the new job fail too, retry the new one.`,
		Args: cobra.ExactArgs(1),
	}
	t, out := targetFlags(c), outputFlag(c)
	r := &provisioningv1.RetryJobRequest{}
	f := c.Flags()
	f.StringVar(&r.Tenant, "tenant", "demo", "tenant of the job")
	f.StringVar(&r.RequestId, "request-id", "", "the same id is the same new job; without it, that of the same JOB is")
	f.StringVar(&r.Actor, "actor", currentUser(), "who asks for it; goes into the log")
	priorityFlag(c, &r.Priority)
	detach := f.Bool("detach", false, "do not wait for the new job's end")
	c.RunE = func(c *cobra.Command, args []string) error {
		if r.Id = args[0]; r.RequestId == "" {
			r.RequestId = "retry-" + r.Id
		}
		return t.dial(func(clients *simulate.Clients) error {
			job, err := clients.RetryJob(c.Context(), r)
			if err != nil {
				return err
			}
			if *detach {
				return retried(c, *out, job)
			}
			fmt.Fprintf(c.ErrOrStderr(), "job %s: %d items of job %s that failed\n", job.Id, job.Total, r.Id)
			return follow(c, clients, *out, r.Tenant, job.Id)
		})
	}
	return c
}

// retried names a new job that nobody waits for.
func retried(c *cobra.Command, out output, job *provisioningv1.Job) error {
	if out.json() {
		return writeMessage(c.OutOrStdout(), job)
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "job %s: busyhour provision watch %s\n", job.Id, job.Id)
	return err
}
