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

const failed = provisioningv1.ItemOutcome_ITEM_OUTCOME_FAILED

// fake is a job that ends so many items a second, of which every nth fails. It is paused in between, if need be, and what
// has not ended may be cancelled.
type fake struct {
	began    time.Time
	total    uint32
	rate     float64
	failNth  uint32
	unknown  time.Duration // how long its state is being rebuilt, from the beginning
	paused   time.Duration // from when on, for as long as pause
	pause    time.Duration
	cancel   time.Duration // when the rest is cancelled
	vague    int           // so many listings are of a state that is being rebuilt
	listings int
}

func (f *fake) ended() uint32 {
	ran := time.Since(f.began)
	if f.pausedNow() {
		ran = f.paused
	} else if f.pause > 0 && ran > f.paused {
		ran -= f.pause
	}
	return min(f.total, uint32(ran.Seconds()*f.rate))
}

func (f *fake) pausedNow() bool {
	ran := time.Since(f.began)
	return ran >= f.paused && ran < f.paused+f.pause
}

func (f *fake) Job(context.Context, string, string) (*provisioningv1.Job, bool, error) {
	if time.Since(f.began) < f.unknown {
		return &provisioningv1.Job{Id: "j", Total: f.total}, false, nil // nothing pending, for nothing is known
	}
	j := &provisioningv1.Job{Id: "j", Total: f.total}
	if f.failNth > 0 {
		j.Failed = f.ended() / f.failNth
	}
	j.Applied, j.Pending = f.ended()-j.Failed, f.total-f.ended()
	if f.pausedNow() {
		j.PausedAt, j.ChangedBy = timestamppb.New(f.began.Add(f.paused)), "bob"
	}
	if f.cancel > 0 && time.Since(f.began) >= f.cancel {
		j.Cancelled, j.Pending, j.CancelledAt = j.Pending, 0, timestamppb.New(f.began.Add(f.cancel))
	}
	return j, true, nil
}

func (f *fake) Outcomes(_ context.Context, _, _ string, only provisioningv1.ItemOutcome, each func(*provisioningv1.Outcome) bool) error {
	if only != failed {
		return errors.New("only failures are asked for")
	}
	if f.listings++; f.listings <= f.vague {
		return fmt.Errorf("items of job j: %w", ErrUnverified)
	}
	for n := f.failNth; n <= f.ended(); n += f.failNth {
		if !each(&provisioningv1.Outcome{Number: n, AgentId: "ann", Reason: "409: taken"}) {
			return nil
		}
	}
	return nil
}

// seen is a Watcher that keeps what it is told.
type seen struct {
	all   []Progress
	named []uint32
}

func (s *seen) Progress(p Progress)              { s.all = append(s.all, p) }
func (s *seen) Failed(o *provisioningv1.Outcome) { s.named = append(s.named, o.Number) }

func TestAJobIsFollowedToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := &fake{began: time.Now(), total: 1000, rate: 50, failNth: 10, unknown: 3 * time.Second}, &seen{}
		job, err := (&Follower{Jobs: f, Tenant: "demo", ID: "j"}).Run(t.Context(), w)
		if err != nil || job.Applied != 900 || job.Failed != 100 {
			t.Fatalf("%v, %v", job, err)
		}
		if took := time.Since(f.began); took != 20*time.Second {
			t.Errorf("it was seen to end after %s, ended after 20 s", took)
		}
		if len(w.named) != namedFailures || f.listings > namedFailures {
			t.Errorf("%d failures named in %d listings, want the first %d", len(w.named), f.listings, namedFailures)
		}
		for i, n := range w.named {
			if n != uint32(10*(i+1)) {
				t.Errorf("failures named %v: one twice, or one left out", w.named)
				break
			}
		}
	})
}

func TestTheRateIsThatOfTheLastSeconds(t *testing.T) {
	var p pace
	now := time.Now()
	progress := p.at(now, &provisioningv1.Job{Total: 1000, Pending: 1000})
	if progress.Rate != 0 || progress.Left != 0 {
		t.Errorf("at the beginning: %v", progress)
	}
	for second := range 60 { // 100/s for half a minute, then 2/s
		now = now.Add(time.Second)
		ended := uint32(min(second, 30)*10 + max(0, second-30)*2)
		progress = p.at(now, &provisioningv1.Job{Total: 1000, Pending: 1000 - ended})
	}
	if progress.Rate < 1.9 || progress.Rate > 2.1 || progress.Left < 5*time.Minute {
		t.Errorf("%.1f/s, %s left; want 2/s of the 642 left", progress.Rate, progress.Left)
	}
	if len(p.past) > 12 {
		t.Errorf("%d samples kept", len(p.past))
	}
}

func TestTheBar(t *testing.T) {
	var lines, terminal bytes.Buffer
	plain, live := &Bar{To: &lines}, &Bar{To: &terminal, Terminal: true}
	for _, b := range []*Bar{plain, live} {
		b.Progress(Progress{Job: &provisioningv1.Job{Total: 10_000, Pending: 7_500, Failed: 3, Applied: 2_497}, Rate: 100, Left: 75 * time.Second})
		b.Failed(&provisioningv1.Outcome{Number: 7, AgentId: "ann", Reason: "409: taken"})
		b.Progress(Progress{Job: &provisioningv1.Job{Total: 10_000, Pending: 7_400}}) // too soon for another line
		b.Progress(Progress{Job: &provisioningv1.Job{Total: 10_000, Applied: 10_000}})
		b.Done()
	}
	want := "[#######.......................] 2500 of 10000, 3 failed, 100/s, 1m15s left\n" +
		"failed: item 7, agent ann: 409: taken\n" +
		"[##############################] 10000 of 10000\n"
	if lines.String() != want {
		t.Errorf("got\n%swant\n%s", lines.String(), want)
	}
	if got := terminal.String(); !strings.Contains(got, "taken\n[#######.......................] 2600 of 10000\r") || !strings.HasSuffix(got, "10000 of 10000\n") {
		t.Errorf("on a terminal: %q", got)
	}
}

// What a spreadsheet would run as a formula is text in the export.
func TestTheExportIsHarmless(t *testing.T) {
	var b bytes.Buffer
	e, err := NewExport(&b)
	if err != nil {
		t.Fatal(err)
	}
	for n, reason := range []string{`=HYPERLINK("http://x","y")`, "+1", "-1", "@SUM(A1)", "\t=1", "409: a, \"b\"", ""} {
		if err := e.Write(&provisioningv1.Outcome{Number: uint32(n + 1), AgentId: "ann", Outcome: failed, Reason: reason, Attempts: 2}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "number,agent,outcome,reason,attempts,at,entity,note\n" +
		"1,ann,failed,\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\",2,,agent/ann,\n" +
		"2,ann,failed,'+1,2,,agent/ann,\n3,ann,failed,'-1,2,,agent/ann,\n4,ann,failed,'@SUM(A1),2,,agent/ann,\n" +
		"5,ann,failed,'\t=1,2,,agent/ann,\n6,ann,failed,\"409: a, \"\"b\"\"\",2,,agent/ann,\n7,ann,failed,,2,,agent/ann,\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
