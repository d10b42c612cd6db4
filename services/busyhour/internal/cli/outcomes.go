package cli

import (
	"errors"
	"io"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/busyhour/internal/provision"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

func newProvisionOutcomes() *cobra.Command {
	c := &cobra.Command{
		Use:   "outcomes JOB",
		Short: "Print what became of a job's items: CSV, or a JSON object a line",
		Long: `Without --applied, --failed or --cancelled all items are printed, those too that have not ended. The CSV can be opened in a
spreadsheet safely: nothing in it is taken for a formula.`,
		Args: cobra.ExactArgs(1),
	}
	t, out := targetFlags(c), outputFlag(c)
	tenant := c.Flags().String("tenant", "demo", "tenant of the job")
	ended := endedFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return t.dial(func(clients *simulate.Clients) error {
			list := func(each func(*provisioningv1.Outcome) bool) error {
				return clients.Outcomes(c.Context(), *tenant, args[0], ended(), each)
			}
			if out.json() {
				return writeLines(c.OutOrStdout(), list)
			}
			return writeCSV(c.OutOrStdout(), list)
		})
	}
	return c
}

// endedFlags are the flags that say which items are wanted, by how they ended; at most one of them may be given.
func endedFlags(c *cobra.Command) func() provisioningv1.ItemOutcome {
	f := c.Flags()
	applied := f.Bool("applied", false, "only items that were applied")
	failed := f.Bool("failed", false, "only items that failed")
	cancelled := f.Bool("cancelled", false, "only items that were cancelled before anything of them was done")
	c.MarkFlagsMutuallyExclusive("applied", "failed", "cancelled")
	return func() provisioningv1.ItemOutcome {
		switch {
		case *applied:
			return provisioningv1.ItemOutcome_ITEM_OUTCOME_APPLIED
		case *failed:
			return provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED
		case *cancelled:
			return provisioningv1.ItemOutcome_ITEM_OUTCOME_CANCELLED
		default:
			return provisioningv1.ItemOutcome_ITEM_OUTCOME_UNSPECIFIED
		}
	}
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
