package provision

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// WriteJobs writes jobs as a table.
func WriteJobs(w io.Writer, jobs []*provisioningv1.Job) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "JOB\tSTATE\tPRIORITY\tTOTAL\tAPPLIED\tFAILED\tCANCELLED\tPENDING\tCREATED\tACTOR\tFILE")
	for _, j := range jobs {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", Plain(j.Id), State(j), PriorityWord(j.Priority), j.Total, j.Applied,
			j.Failed, j.Cancelled, j.Pending, stamp(j.CreatedAt), cmp.Or(Plain(j.Actor), "-"), cmp.Or(Plain(j.GetFile().GetName()), "-"))
	}
	return t.Flush()
}

// WriteJob writes all that is known of one job.
func WriteJob(w io.Writer, j *provisioningv1.Job) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, value)
		}
	}
	row("job", Plain(j.Id))
	row("tenant", Plain(j.Tenant))
	row("state", State(j))
	row("items", fmt.Sprintf("%d: %s", j.Total, Counts(j)))
	row("priority", PriorityWord(j.Priority))
	row("asked for", stamp(j.CreatedAt)+by(j.Actor))
	row("request id", Plain(j.RequestId))
	row("taken in", takenIn(j))
	row("retry of", Plain(j.RetryOf))
	writeFile(row, j.File)
	writeChanges(row, j)
	return t.Flush()
}

func takenIn(j *provisioningv1.Job) string {
	if j.AcceptedAt == nil {
		return "not wholly; if nothing comes any more, the same request again adds what is missing"
	}
	return stamp(j.AcceptedAt)
}

func writeFile(row func(name, value string), f *provisioningv1.File) {
	if f == nil {
		return
	}
	row("file", Plain(f.Name))
	row("bytes", fmt.Sprint(f.Bytes))
	row("SHA-256", fmt.Sprintf("%x", f.Sha256))
}

// writeChanges names whoever changed the job last beside what they did: of those before them nothing is kept.
func writeChanges(row func(name, value string), j *provisioningv1.Job) {
	switch {
	case j.CancelledAt != nil:
		row("paused", stamp(j.PausedAt))
		row("cancelled", stamp(j.CancelledAt)+by(j.ChangedBy))
	case j.PausedAt != nil:
		row("paused", stamp(j.PausedAt)+by(j.ChangedBy))
	case j.ChangedBy != "":
		row("resumed", "by "+Plain(j.ChangedBy))
	}
}
