package cli

import (
	"fmt"
	"io"
	"os/user"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/busyhour/internal/provision"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

func newProvisionImport() *cobra.Command {
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Bring what stands in a file into service, all lines or none",
		Long: `Up to 64 MiB and 100,000 items; - is what comes in. A .csv is of agents and begins with a heading that names its columns, in
any order: id, name, skills, queues, capacity, address, action, active, external_id. A .jsonl or .ndjson has an item of any
kind on each line. All that is wrong is said at once, and then nothing is taken. The same file again is the same job and
changes nothing, not its priority either, unless --request-id says that it is another.`,
		Args: cobra.ExactArgs(1),
	}
	t, out := targetFlags(c), outputFlag(c)
	h := &provisioningv1.UploadHeader{}
	f := c.Flags()
	f.StringVar(&h.Tenant, "tenant", "demo", "tenant of the agents")
	f.StringVar(&h.RequestId, "request-id", "", "the same id is the same job; without it, the same file is")
	f.StringVar(&h.Actor, "actor", currentUser(), "who asks for it; goes into the log")
	f.BoolVar(&h.DryRun, "dry-run", false, "say what would change, and take nothing")
	priorityFlag(c, &h.Priority)
	format := f.String("format", "", "csv or jsonl; without it, by the file's name")
	detach := f.Bool("detach", false, "do not wait for the job's end")
	c.RunE = func(c *cobra.Command, args []string) error {
		file, err := provision.Open(args[0], *format, c.InOrStdin())
		if err != nil {
			return err
		}
		defer file.Close()
		file.Describe(h)
		return t.dial(func(clients *simulate.Clients) error {
			answer, err := clients.UploadJob(c.Context(), h, file)
			if err != nil {
				return fmt.Errorf("import %s: %w", file.Name, err)
			}
			if answer.Job == nil || *detach {
				return imported(c.OutOrStdout(), *out, file.Name, answer)
			}
			return follow(c, clients, *out, h.Tenant, answer.Job.Id)
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

// imported says what became of a file that nobody waits for: it is wrong, or only tried, or left to itself.
func imported(w io.Writer, out output, file string, answer *provisioningv1.UploadJobResponse) error {
	tell := importedText
	if out.json() {
		tell = importedJSON
	}
	if err := tell(w, file, answer); err != nil {
		return err
	}
	if answer.ErrorCount > 0 {
		return fmt.Errorf("%s: %d errors, and nothing was taken", file, answer.ErrorCount)
	}
	return nil
}

func importedText(w io.Writer, file string, answer *provisioningv1.UploadJobResponse) error {
	for _, e := range answer.Errors {
		fmt.Fprintf(w, "%s:%d: %s: %s\n", file, e.Line, e.Column, e.Problem)
	}
	for _, d := range answer.Differences {
		fmt.Fprintf(w, "%s:%d: %s\n", file, d.Line, provision.Words(d))
	}
	if n := provision.Untold(answer); n > 0 {
		fmt.Fprintf(w, "and %d more\n", n)
	}
	_, err := fmt.Fprintln(w, answer.Summary)
	if answer.Job != nil {
		_, err = fmt.Fprintf(w, "job %s: busyhour provision watch %s\n", answer.Job.Id, answer.Job.Id)
	}
	return err
}

// importedJSON writes the differences, an object a line, and then the rest of the answer.
func importedJSON(w io.Writer, _ string, answer *provisioningv1.UploadJobResponse) error {
	for _, d := range answer.Differences {
		if err := writeMessage(w, d); err != nil {
			return err
		}
	}
	rest := proto.CloneOf(answer)
	rest.Differences = nil
	return writeMessage(w, rest)
}
