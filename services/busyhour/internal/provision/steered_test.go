package provision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

var at = timestamppb.New(time.Date(2026, 11, 26, 12, 0, 0, 0, time.Local))

func TestAPausedJobIsWaitedForAndHasNoEstimate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := &fake{began: time.Now(), total: 1000, rate: 100, paused: 4 * time.Second, pause: time.Hour}, &seen{}
		job, err := (&Follower{Jobs: f, Tenant: "demo", ID: "j"}).Run(t.Context(), w)
		if err != nil || job.Applied != 1000 {
			t.Fatalf("%v, %v", job, err)
		}
		last := 0
		for i, p := range w.all {
			if p.Job.PausedAt == nil {
				continue
			}
			if last = i; p.Rate != 0 || p.Left != 0 {
				t.Fatalf("paused, and yet %.0f/s, %s left", p.Rate, p.Left)
			}
		}
		if rate := w.all[last+10].Rate; rate < 85 { // 5 s later; 50 with the pause in it
			t.Errorf("after the pause: %.0f/s, want about 90", rate)
		}
	})
}

func TestACancelledJobIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{began: time.Now(), total: 1000, rate: 100, cancel: 3 * time.Second}
		job, err := (&Follower{Jobs: f, Tenant: "demo", ID: "j"}).Run(t.Context(), &seen{})
		if err != nil || job.Applied != 300 || job.Cancelled != 700 || time.Since(f.began) != 3*time.Second {
			t.Fatalf("after %s: %v, %v", time.Since(f.began), job, err)
		}
	})
}

// A rebuild between two questions is no reason to stop watching, nor to leave a failure unnamed.
func TestFailuresThatCouldNotBeListedAreNamedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := &fake{began: time.Now(), total: 30, rate: 10, failNth: 10, vague: 1}, &seen{}
		if _, err := (&Follower{Jobs: f, Tenant: "demo", ID: "j"}).Run(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(w.named) != "[10 20 30]" {
			t.Errorf("named %v", w.named)
		}
	})
}

// unlisted is a job whose items cannot be listed.
type unlisted struct{ *fake }

func (unlisted) Outcomes(context.Context, string, string, provisioningv1.ItemOutcome, func(*provisioningv1.Outcome) bool) error {
	return errors.New("away")
}

func TestFailuresThatCannotBeListedEndTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := unlisted{&fake{began: time.Now(), total: 30, rate: 10, failNth: 10}}
		if _, err := (&Follower{Jobs: f, Tenant: "demo", ID: "j"}).Run(t.Context(), &seen{}); err == nil || err.Error() != "away" {
			t.Errorf("%v", err)
		}
	})
}

func TestTheBarSaysWhoStoppedAJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		b := &Bar{To: &lines}
		paused := &provisioningv1.Job{Total: 100, Applied: 50, Pending: 50, PausedAt: at, ChangedBy: "bob"}
		for range 100 { // 50 s: where nobody looks, it is said once
			b.Progress(Progress{Job: paused})
			<-time.After(lookEvery) // virtual
		}
		b.Progress(Progress{Job: &provisioningv1.Job{Total: 100, Applied: 50, Cancelled: 40, Pending: 10, CancelledAt: at}, Rate: 80, Left: time.Second})
		b.Progress(Progress{Job: &provisioningv1.Job{Total: 100, Applied: 60, Cancelled: 40, CancelledAt: at}})
		want := "[###############...............] 50 of 100, paused by bob at 2026-11-26 12:00:00\n" +
			"[###########################...] 90 of 100, 40 cancelled, cancelled at 2026-11-26 12:00:00\n" +
			"[##############################] 100 of 100, 40 cancelled\n"
		if lines.String() != want {
			t.Errorf("got\n%swant\n%s", lines.String(), want)
		}
	})
}

func TestTheStateIsOneWord(t *testing.T) {
	for want, jobs := range map[string][]*provisioningv1.Job{
		"waiting":    {{Total: 9, Pending: 9}},
		"running":    {{Total: 9, Pending: 8, Failed: 1}},
		"paused":     {{Total: 9, Pending: 9, PausedAt: at}},
		"cancelling": {{Total: 9, Pending: 1, CancelledAt: at, PausedAt: at}, {Total: 9, CancelledAt: at, Unsettled: true}},
		"cancelled":  {{Total: 9, Cancelled: 8, Failed: 1, CancelledAt: at}},
		"done":       {{Total: 9, Applied: 9, PausedAt: at}},
		"failed":     {{Total: 9, Applied: 8, Failed: 1}},
	} {
		for _, j := range jobs {
			if got := State(j); got != want {
				t.Errorf("%v is %s, want %s", j, got, want)
			}
		}
	}
}

func TestTheTableOfJobs(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJobs(&b, []*provisioningv1.Job{
		{
			Id: "j-2", Total: 9, Applied: 1, Failed: 2, Cancelled: 3, Pending: 3, CreatedAt: at, Actor: "ann",
			Priority: provisioningv1.Priority_PRIORITY_URGENT, File: &provisioningv1.File{Name: "a\x1b[2J\tb.csv"},
		},
		{Id: "j-1", Total: 4, Applied: 4},
	}); err != nil {
		t.Fatal(err)
	}
	want := "JOB  STATE    PRIORITY  TOTAL  APPLIED  FAILED  CANCELLED  PENDING  CREATED              ACTOR  FILE\n" +
		"j-2  running  urgent    9      1        2       3          3        2026-11-26 12:00:00  ann    a�[2J�b.csv\n" +
		"j-1  done     by size   4      4        0       0          0                             -      -\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestAllOfOneJob(t *testing.T) {
	job := &provisioningv1.Job{
		Id: "j-2", Tenant: "demo", RequestId: "file-1", Total: 9, Applied: 4, Failed: 2, Pending: 3, CreatedAt: at, AcceptedAt: at, Actor: "ann",
		Priority: provisioningv1.Priority_PRIORITY_BULK, PausedAt: at, ChangedBy: "bob", RetryOf: "j-1",
		File: &provisioningv1.File{Name: "a.csv", Bytes: 812, Sha256: []byte{0xab, 0x01}},
	}
	var b bytes.Buffer
	if err := WriteJob(&b, job); err != nil {
		t.Fatal(err)
	}
	want := `job         j-2
tenant      demo
state       paused
items       9: 4 applied, 2 failed, 3 pending
priority    bulk
asked for   2026-11-26 12:00:00 by ann
request id  file-1
taken in    2026-11-26 12:00:00
retry of    j-1
file        a.csv
bytes       812
SHA-256     ab01
paused      2026-11-26 12:00:00 by bob
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestWhoChangedAJobLastIsNamedOnce(t *testing.T) {
	for _, c := range []struct {
		job       *provisioningv1.Job
		says, not string
	}{
		{&provisioningv1.Job{CancelledAt: at, PausedAt: at, ChangedBy: "bob"}, "cancelled 2026-11-26 12:00:00 by bob", "paused 2026-11-26 12:00:00 by"},
		{&provisioningv1.Job{ChangedBy: "bob"}, "resumed by bob", "paused"},
		{&provisioningv1.Job{}, "taken in not wholly", "resumed"},
	} {
		var b bytes.Buffer
		if err := WriteJob(&b, c.job); err != nil {
			t.Fatal(err)
		}
		if said := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(said, c.says) || strings.Contains(said, c.not) {
			t.Errorf("want %q and no %q in\n%s", c.says, c.not, &b)
		}
	}
}

func TestTheExportNamesQueuesAndNotes(t *testing.T) {
	var b bytes.Buffer
	e, err := NewExport(&b)
	if err != nil {
		t.Fatal(err)
	}
	cancelled := provisioningv1.ItemOutcome_ITEM_OUTCOME_CANCELLED
	if err := errors.Join(e.Write(&provisioningv1.Outcome{Number: 1, Entity: "queue/sales", Outcome: cancelled, Note: "=1+1", At: at}), e.Flush()); err != nil {
		t.Fatal(err)
	}
	if want := "1,,cancelled,,0," + at.AsTime().Format(time.RFC3339) + ",queue/sales,'=1+1\n"; !strings.HasSuffix(b.String(), want) {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
}

// What the downstream says, and who it is about, does not run on the terminal.
func TestAFailureIsOneHarmlessLine(t *testing.T) {
	var b bytes.Buffer
	(&Bar{To: &b}).Failed(&provisioningv1.Outcome{Number: 7, Entity: "queue/sales", Reason: "409\r\n\x1b]0;x\x07"})
	if want := "failed: item 7, queue sales: 409���]0;x�\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
