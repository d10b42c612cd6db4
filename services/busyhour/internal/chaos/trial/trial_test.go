package trial

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/check"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/nemesis"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

func recorded(t *testing.T, write func(*history.Recorder)) *history.History {
	t.Helper()
	var file bytes.Buffer
	r := history.NewRecorder(&file, history.Run{Began: time.Now()})
	write(r)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := history.Load(&file)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAClosureLastsUntilTheFirstPodOpens(t *testing.T) {
	at := func(s float64) time.Time { return time.Unix(0, int64(s*1e9)) }
	line := func(s float64, msg string, epoch uint32) gateLine {
		return gateLine{Time: at(s), Msg: msg, Tenant: "acme", Service: "call-routing", Epoch: epoch}
	}
	got := closuresOf([]gateLine{
		line(1, "gate open", 1),    // the start is no closure
		line(10, "gate closed", 1), // the first pod
		line(11, "gate closed", 1), // the second
		line(12, "gate open", 2),
		line(13, "gate closed", 1), // a third that was late
		line(14, "gate open", 2),
		line(20, "gate closed", 2),
		line(26, "gate open", 3),
	})["call-routing"]
	if got != (Closures{Count: 2, Total: 8, Median: 6, Longest: 6}) {
		t.Errorf("%+v", got)
	}
}

func TestASeriesThatStandsStillIsWrittenAtBothEnds(t *testing.T) {
	h := recorded(t, func(r *history.Recorder) {
		m := newMeter(r)
		for i, v := range []float64{0, 0, 0, 3, 3, 4} {
			m.take("series", history.Record{At: time.Duration(i + 1), Metric: &history.Metric{Value: v}})
		}
	})
	var got []history.Moment
	for _, s := range h.Metrics {
		got = append(got, s.At)
	}
	if want := []history.Moment{1, 3, 4, 5, 6}; len(got) != len(want) || got[1] != 3 || got[3] != 5 {
		t.Errorf("samples at %v, want %v", got, want)
	}
}

func TestAnEventThatIsReadTwiceIsWrittenOnce(t *testing.T) {
	h := recorded(t, func(r *history.Recorder) {
		j := &journal{to: r, seen: map[string][]int64{}}
		for _, offset := range []int64{0, 1, 0, 1, 2} {
			j.take(eventlog.Message{Topic: "t", Partition: 3, Offset: offset})
		}
	})
	if len(h.Events) != 3 {
		t.Errorf("%d events", len(h.Events))
	}
}

func TestAnAnswerThatMayHaveBeenLostIsUnknown(t *testing.T) {
	h := recorded(t, func(r *history.Recorder) {
		p := newPeople("acme", r)
		for _, err := range []error{nil, &simulate.Refusal{Reason: "OFFER_NOT_YOURS"}, &simulate.Refusal{Reason: "UNAVAILABLE"}, errors.New("cut")} {
			p.asked(simulate.Asked{Agent: "ann", Contact: "c-1", Verb: "accept", Called: time.Now(), Err: err})
		}
	})
	var got []string
	for _, c := range h.Commands {
		got = append(got, c.Outcome)
	}
	if strings.Join(got, " ") != "done refused unknown unknown" {
		t.Error(got)
	}
}

func TestAViewIsWrittenWhenItChanges(t *testing.T) {
	h := recorded(t, func(r *history.Recorder) {
		p := newPeople("acme", r)
		for _, connected := range []bool{true, true, false, true} {
			p.screen(simulate.Shown{Agent: "ann", Connected: connected, View: simulate.View{ScreenID: "s", Verified: true}})
		}
	})
	if len(h.Views) != 3 || h.Views[1].It.Connected {
		t.Errorf("%+v", h.Views)
	}
}

func TestAFaultThatCouldNotBeDoneIsNotCounted(t *testing.T) {
	r := newReport(Config{Seed: 1})
	r.faults([]nemesis.Struck{{Fault: nemesis.Fault{Kind: "split"}}, {Fault: nemesis.Fault{Kind: "split"}, Failed: "no replica"}})
	if r.ByKind["split"] != 1 || r.NotDone != 1 {
		t.Errorf("%+v", r)
	}
}

func TestOnlyARefusalWhileBothWereLostExcusesAForgottenCall(t *testing.T) {
	fault := func(kind, did string, at time.Duration) history.Record {
		return history.Record{At: at, Fault: &history.Fault{Did: did, ID: kind, Kind: kind}}
	}
	together := check.LostTogether(history.Of(
		fault("kafka-kill", history.Begun, 100*time.Second), fault("redis-kill", history.Begun, 105*time.Second),
		fault("kafka-kill", history.Ended, 110*time.Second), fault("redis-kill", history.Ended, 115*time.Second)))
	p := newPeople("acme", nil)
	p.forgotten["c-1"], p.forgotten["c-2"] = 120*time.Second, 20*time.Second
	for finding, excused := range map[string]bool{
		"contact c-1 of call x ended as abandoned, though its switch saw it end as completed": true,
		"contact c-2 of call x ended as abandoned, though its switch saw it end as completed": false, // refused long before
		"contact c-3 of call x ended as abandoned, though its switch saw it end as completed": false,
		"contact c-1 did not end": false,
	} {
		if p.forgot(finding, together) != excused {
			t.Errorf("%q: want excused %t", finding, excused)
		}
	}
}
