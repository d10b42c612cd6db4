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
	"path/filepath"

	"github.com/spf13/cobra"

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
		Long: `import, retry and watch follow a job to its end, and end with exit code 0 if every item was applied, 2 if some failed or were
cancelled, and 1 if it could not be done or asked for at all. The others end with 0, or with 1 if it could not be done. A job
goes on whether or not anybody watches.`,
	}
	c.AddCommand(newProvisionImport(), newProvisionWatch(), newProvisionOutcomes(), newProvisionList(), newProvisionShow(),
		newProvisionPause(), newProvisionResume(), newProvisionCancel(), newProvisionRetry())
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

func newProvisionImport() *cobra.Command {
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Bring the agents of a CSV file into service, all lines or none",
		Long: `The file begins with a heading that names its columns, in any order: id, name, skills, queues, capacity, address; - is the
standard input. All that is wrong is said at once, and then nothing is taken. The same file again is the same job and changes
nothing, not its priority either, unless --request-id says that it is another.`,
		Args: cobra.ExactArgs(1),
	}
	t, out := targetFlags(c), outputFlag(c)
	r := &provisioningv1.ImportAgentsRequest{}
	f := c.Flags()
	f.StringVar(&r.Tenant, "tenant", "demo", "tenant of the agents")
	f.StringVar(&r.RequestId, "request-id", "", "the same id is the same job; without it, the same file is")
	f.StringVar(&r.Actor, "actor", currentUser(), "who asks for it; goes into the log")
	f.BoolVar(&r.DryRun, "dry-run", false, "check the file, and take nothing")
	priorityFlag(c, &r.Priority)
	detach := f.Bool("detach", false, "do not wait for the job's end")
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		if r.FileName, r.Csv, err = readFile(c.InOrStdin(), args[0]); err != nil {
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

// readFile reads a file, or stdin where its path is "-", and names it. It refuses early what is too long.
func readFile(stdin io.Reader, path string) (name string, content []byte, err error) {
	if path == "-" {
		content, err = readShort(stdin, "stdin")
		return "stdin", content, err
	}
	file, err := os.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer file.Close()
	content, err = readShort(file, path)
	return filepath.Base(path), content, err
}

func readShort(r io.Reader, name string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, longestFile+1))
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
