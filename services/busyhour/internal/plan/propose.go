package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"github.com/busyhour/busyhour/api/topics"
)

// What a busy hour writes. Every figure says where it is from.
const (
	// eventsPerCall: queued, offered, ringing, accepted, connected, ended, ended at the switch, completed. Counted in
	// call-routing's scenario a-good-call, without its holding; a test holds it against that file. Declined offers add two each, and
	// so does each hold and each resume: a few per cent.
	eventsPerCall = 8
	// signalsPerCall: offered, ringing, answered, ended, from the same scenario. A fault run of an hour had 3.8 (114,452 signals,
	// 29,928 contacts).
	signalsPerCall = 4
	// presencePerShift: an agent logs in and goes available, or the reverse.
	presencePerShift = 2
	// shiftSeconds: everybody does so within the five minutes around the begin of a shift. Assumed.
	shiftSeconds = 300
	// statesPerAgent is what the busiest hour has besides: two breaks, there and back. Assumed.
	statesPerAgent = 4
	// bulkSeconds: one job names every agent and is taken in within a minute. 10,000 agents were in Redis after 6.6 s.
	bulkSeconds = 60
	// outcomesPerItem: one of each item; those of the jobs are few.
	outcomesPerItem = 1
	// peakFactor is how much more than the mean of the busy hour its busiest minute has. Assumed: Poisson arrivals at 80,000 BHCC stay
	// within 1.1; campaigns and outages do not.
	peakFactor = 2
	// DefaultGrowth leaves room for as much again.
	DefaultGrowth = 2
	// DefaultRate is what one consumer takes of a partition, in records a second. With one record under way at a time, p50 7.9 ms from
	// a signal to its durable acknowledgement is 126/s; a partition has many under way, so this is careful. The compactor kept up with
	// 7,500.
	DefaultRate = 250
)

// steps are counts of partitions that divide evenly among 1, 2, 3, 4, 6 … consumers.
var steps = []int32{3, 6, 12, 24, 48, 96, 192, 384}

// Demand is what the topics are to carry.
type Demand struct {
	// BHCC and Agents are those of a tenant.
	BHCC    float64 `json:"bhcc"`
	Agents  int     `json:"agents"`
	Tenants int     `json:"tenants"`
	// Growth is a factor on everything.
	Growth float64 `json:"growth"`
	// Rate is what one consumer takes, in records a second.
	Rate float64 `json:"per_consumer_rate"`
}

// Validate says everything that is wrong at once.
func (d Demand) Validate() error {
	var wrong []error
	for _, n := range []struct {
		flag     string
		ok       bool
		has      any
		expected string
	}{
		{"bhcc", d.BHCC >= 0, d.BHCC, "0 or more"},
		{"agents", d.Agents >= 0, d.Agents, "0 or more"},
		{"tenants", d.Tenants >= 1, d.Tenants, "at least 1"},
		{"growth", d.Growth >= 1, d.Growth, "1 or more; a topic never shrinks"},
		{"per-consumer-rate", d.Rate > 0, d.Rate, "above 0"},
	} {
		if !n.ok {
			wrong = append(wrong, fmt.Errorf("%s %v: must be %s", n.flag, n.has, n.expected))
		}
	}
	return errors.Join(wrong...)
}

// Proposal is how many partitions one topic should have.
type Proposal struct {
	Topic string `json:"topic"`
	// Mean and Peak are records a second, growth included in Peak.
	Mean float64 `json:"mean_per_s"`
	Peak float64 `json:"peak_per_s"`
	// Arithmetic in words.
	Arithmetic string `json:"arithmetic"`
	Needed     int32  `json:"needed"`
	Proposed   int32  `json:"proposed"`
	Planned    int32  `json:"planned"`
	Limit      int32  `json:"limit"`
	// Change says what to do.
	Change string `json:"change"`
}

// Propose says how many partitions each topic of the plan should have. Nothing gets fewer than it has.
func Propose(plan []topics.Topic, d Demand) []Proposal {
	proposals := make([]Proposal, len(plan))
	for i, p := range plan {
		proposals[i] = d.propose(p)
	}
	return proposals
}

// flow is what goes through a topic: so much a second in the mean of the busy hour, the words for it, and the factor of its peak.
type flow struct {
	mean  float64
	words string
	peak  float64
}

func (d Demand) flowOf(topic string) (flow, bool) {
	calls, agents := d.BHCC*float64(d.Tenants), float64(d.Agents*d.Tenants)
	perCall := func(n float64, what string) flow {
		return flow{calls / 3600 * n, fmt.Sprintf("%.0f calls/h ÷ 3600 × %g %s", calls, n, what), peakFactor}
	}
	item := func(n float64, what string) flow {
		return flow{agents / bulkSeconds * n, fmt.Sprintf("%.0f agents ÷ %d s × %g %s", agents, bulkSeconds, n, what), 1}
	}
	switch topic {
	case topics.Signals:
		return perCall(signalsPerCall, "signals"), true
	case topics.ContactEvents, topics.ContactState:
		return perCall(eventsPerCall, "events"), true
	case topics.AgentEvents, topics.AgentState, topics.PresenceCommands:
		return d.presence(agents), true
	case topics.Requests:
		return item(1, "requests"), true
	case topics.Outcomes, topics.JobState:
		return item(outcomesPerItem, "outcomes"), true
	}
	return flow{}, false
}

// presence is at its peak when a shift begins; that is not a factor on the mean.
func (d Demand) presence(agents float64) flow {
	shift, hour := agents*presencePerShift/shiftSeconds, agents*statesPerAgent/3600
	return flow{shift + hour, fmt.Sprintf("%.0f agents × %d ÷ %d s at a shift's begin + × %d ÷ 3600 s", agents, presencePerShift, shiftSeconds, statesPerAgent), 1}
}

func (d Demand) propose(p topics.Topic) Proposal {
	out := Proposal{Topic: p.Name, Planned: p.Partitions, Proposed: p.Partitions, Limit: p.Limit(), Arithmetic: "no figure depends on it", Change: "none"}
	f, ok := d.flowOf(p.Name)
	if !ok {
		return out
	}
	out.Mean, out.Peak = f.mean, f.mean*f.peak*d.Growth
	out.Needed = int32(math.Ceil(out.Peak / d.Rate))
	out.Proposed = max(p.Partitions, roundUp(out.Needed))
	out.Arithmetic = fmt.Sprintf("%s = %.1f/s, × %g peak × %g growth = %.1f/s, ÷ %g a consumer = %d", f.words, f.mean, f.peak, d.Growth, out.Peak, d.Rate, out.Needed)
	switch {
	case out.Proposed > out.Limit:
		out.Change = fmt.Sprintf("beyond the plan's limit of %d: faster consumers, or a review of the plan", out.Limit)
	case out.Proposed > p.Partitions && topics.EventsOf(p.Name) != "":
		out.Change = "grows with " + topics.EventsOf(p.Name)
	case out.Proposed > p.Partitions:
		out.Change = fmt.Sprintf("busyhour topics grow %s --to %d", p.Name, out.Proposed)
	}
	return out
}

// roundUp to a count that many numbers of consumers divide.
func roundUp(n int32) int32 {
	for _, s := range steps {
		if s >= n {
			return s
		}
	}
	last := steps[len(steps)-1]
	return (n + last - 1) / last * last
}

// ProposalTable writes proposals for people.
func ProposalTable(w io.Writer, d Demand, proposals []Proposal) error {
	fmt.Fprintf(w, "For %g calls an hour and %d agents of each of %d tenants, × %g growth, %g records/s a consumer:\n\n", d.BHCC, d.Agents, d.Tenants, d.Growth, d.Rate)
	t := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TOPIC\tPLAN\tPROPOSED\tCHANGE\tARITHMETIC")
	for _, p := range proposals {
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\n", p.Topic, p.Planned, p.Proposed, p.Change, p.Arithmetic)
	}
	return t.Flush()
}

// ProposalJSON writes them for programs.
func ProposalJSON(w io.Writer, d Demand, proposals []Proposal) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Demand
		Topics []Proposal `json:"topics"`
	}{d, proposals})
}
