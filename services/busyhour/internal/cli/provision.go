package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/services/busyhour/internal/provision"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// longestFile that ImportAgents takes, in bytes.
const longestFile = 3 << 20

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

func newProvisionImport() *cobra.Command {
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Bring the agents of a CSV file into service, all lines or none",
		Long: `The file begins with a heading that names its columns, in any order: id, name, skills, queues, capacity, address. All that is
wrong is said at once, and then nothing is taken. The same file again is the same job and changes nothing, unless
--request-id says that it is another.`,
		Args: cobra.ExactArgs(1),
	}
	t, out := targetFlags(c), outputFlag(c)
	r := &provisioningv1.ImportAgentsRequest{}
	f := c.Flags()
	f.StringVar(&r.Tenant, "tenant", "demo", "tenant of the agents")
	f.StringVar(&r.RequestId, "request-id", "", "the same id is the same job; without it, the same file is")
	f.StringVar(&r.Actor, "actor", currentUser(), "who asks for it; goes into the log")
	f.BoolVar(&r.DryRun, "dry-run", false, "check the file, and take nothing")
	detach := f.Bool("detach", false, "do not wait for the job's end")
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		if r.Csv, err = readFile(args[0]); err != nil {
			return err
		}
		if r.RequestId == "" {
			sum := sha256.Sum256(r.Csv)
			r.RequestId = "file-" + hex.EncodeToString(sum[:16])
		}
		return t.dial(func(clients *simulate.Clients) error {
			answer, err := clients.ImportAgents(c.Context(), r)
			if err != nil {
				return fmt.Errorf("import %s: %w", args[0], err)
			}
			if answer.Job == nil || *detach {
				return imported(c.OutOrStdout(), *out, args[0], answer)
			}
			return follow(c, clients, *out, r.Tenant, answer.Job.Id)
		})
	}
	return c
}

func currentUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// readFile refuses early what is too long.
func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, longestFile+1))
	if err == nil && len(b) > longestFile {
		err = fmt.Errorf("%s has more than %d MiB; split it", name, longestFile>>20)
	}
	return b, err
}

// imported says what became of a file that nobody waits for: it is wrong, or only checked, or left to itself.
func imported(w io.Writer, out output, file string, answer *provisioningv1.ImportAgentsResponse) error {
	if out.json() {
		if err := writeMessage(w, answer); err != nil {
			return err
		}
	} else {
		for _, e := range answer.Errors {
			fmt.Fprintf(w, "%s:%d: %s: %s\n", file, e.Line, e.Column, e.Problem)
		}
		fmt.Fprintln(w, answer.Summary)
		if answer.Job != nil {
			fmt.Fprintf(w, "job %s: busyhour provision watch %s\n", answer.Job.Id, answer.Job.Id)
		}
	}
	if answer.ErrorCount > 0 {
		return fmt.Errorf("%s: %d errors, and nothing was taken", file, answer.ErrorCount)
	}
	return nil
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
