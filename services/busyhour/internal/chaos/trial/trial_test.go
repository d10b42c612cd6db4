package trial

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/eventlog"
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

func TestOnlyLostTogetherExcusesAForgottenCall(t *testing.T) {
	s := time.Second
	kafka := nemesis.Struck{Fault: nemesis.Fault{Kind: "kafka-kill"}, Broken: 10 * s, Mended: 20 * s}
	for kind, c := range map[string]struct {
		at   time.Duration
		both bool
	}{"redis-kill": {15 * s, true}, "split": {30 * s, true}, "redis-flushall": {41 * s, false}, "nats-kill": {15 * s, false}} {
		if got := bothLost([]nemesis.Struck{kafka, {Fault: nemesis.Fault{Kind: kind}, Broken: c.at, Mended: c.at + s}}); got != c.both {
			t.Errorf("%s at %s: %t", kind, c.at, got)
		}
	}
	p := newPeople("acme", nil)
	p.forgotten["c-1"] = true
	if !p.forgot("contact c-1 of call x ended as abandoned, though its switch saw it end as completed") || p.forgot("contact c-2 ended as abandoned, though its switch saw it end as completed") || p.forgot("contact c-1 did not end") {
		t.Error("what is excused is not what was refused")
	}
}
