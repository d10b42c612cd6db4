package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/services/busyhour/internal/provision"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

func newProvision() *cobra.Command {
	c := &cobra.Command{
		Use:   "provision",
		Short: "Bulk jobs: bring a file of agents into service, and watch it",
		Long: `Ends with exit code 0 if every item was applied, 2 if some failed, and 1 if it could not be done or asked for at all. A
job goes on whether or not anybody watches.`,
	}
	c.AddCommand(newProvisionImport(), newProvisionWatch(), newProvisionOutcomes(), newProvisionReconcile())
	return c
}

// unapplied is the error of a job of which not every item was applied.
func unapplied(job *provisioningv1.Job) error {
	return &boot.Exit{Code: 2, Err: fmt.Errorf("%d of %d items of job %s failed; the rest are applied. Which, and why: busyhour provision outcomes %s --failed",
		job.Failed, job.Total, job.Id, job.Id)}
}

func newProvisionWatch() *cobra.Command {
	c := &cobra.Command{
		Use:   "watch JOB",
		Short: "Follow a job to its end",
		Args:  cobra.ExactArgs(1),
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
		_, err = fmt.Fprintf(c.OutOrStdout(), "job %s: %d applied, %d failed\n", job.Id, job.Applied, job.Failed)
	}
	if err == nil && job.Applied < job.Total {
		err = unapplied(job)
	}
	return err
}

func newProvisionOutcomes() *cobra.Command {
	c := &cobra.Command{
		Use:   "outcomes JOB",
		Short: "Print what became of a job's items: CSV, or a JSON object a line",
		Args:  cobra.ExactArgs(1),
	}
	t, out := targetFlags(c), outputFlag(c)
	tenant := c.Flags().String("tenant", "demo", "tenant of the job")
	failed := c.Flags().Bool("failed", false, "only items that failed")
	c.RunE = func(c *cobra.Command, args []string) error {
		only := provisioningv1.ItemOutcome_ITEM_OUTCOME_UNSPECIFIED
		if *failed {
			only = provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED
		}
		return t.dial(func(clients *simulate.Clients) error {
			list := func(each func(*provisioningv1.Outcome) bool) error {
				return clients.Outcomes(c.Context(), *tenant, args[0], only, each)
			}
			if out.json() {
				return writeLines(c.OutOrStdout(), list)
			}
			return writeCSV(c.OutOrStdout(), list)
		})
	}
	return c
}

func writeCSV(w io.Writer, list func(func(*provisioningv1.Outcome) bool) error) error {
	export, err := provision.NewExport(w)
	if err != nil {
		return err
	}
	err = list(func(o *provisioningv1.Outcome) bool { return export.Write(o) == nil })
	return errors.Join(err, export.Flush())
}

func writeLines(w io.Writer, list func(func(*provisioningv1.Outcome) bool) error) (err error) {
	listed := list(func(o *provisioningv1.Outcome) bool {
		err = writeMessage(w, o)
		return err == nil
	})
	return errors.Join(listed, err)
}

// writeMessage writes a message as the APIs' JSON has it, on one line.
func writeMessage(w io.Writer, m proto.Message) error {
	b, err := protojson.Marshal(m)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
