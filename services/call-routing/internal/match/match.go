// Package match decides who gets whom: which agent a contact is offered to, and which contact a free agent is given. It
// is pure, and says why: every choice comes with the agents that were passed over.
//
//	Agent:    one contact, many candidates  ─▶ the longest idle who can take it
//	Contact:  one agent, many waiting       ─▶ the highest priority, then the longest waiting, that they can take
package match

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
	"time"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// Why an agent is passed over.
const (
	NotInDirectory  = "NOT_IN_DIRECTORY"
	Deactivated     = "DEACTIVATED"
	NotInQueue      = "NOT_IN_QUEUE"
	NotAvailable    = "NOT_AVAILABLE"
	ConnectionGrace = "CONNECTION_GRACE"
	NoCapacity      = "NO_CAPACITY"
	SkillMissing    = "SKILL_MISSING"
	PassedBefore    = "PASSED_BEFORE"
	Taken           = "TAKEN"
)

// Why an agent is chosen.
const (
	longestIdle      = "LONGEST_IDLE"
	amongLongestIdle = "AMONG_LONGEST_IDLE"
	firstInLine      = "FIRST_IN_LINE"
	amongFirstInLine = "AMONG_FIRST_IN_LINE"
)

const (
	// best is among how many a choice is spread after a conflict.
	best = 4
	// perPriority is more milliseconds than there will be; 101 times it is still exact in a float64.
	perPriority = 1e13
	// maxPassedOver bounds what a decision keeps.
	maxPassedOver = 16
)

// Candidate is an agent as just read. A nil record is one that is not there.
type Candidate struct {
	ID       string
	Agent    *provisioningv1.Agent
	Presence *presencev1.Presence
	Workload *routingv1.Workload
	// Taken: a sibling in this pod is offering something to the agent right now.
	Taken bool
}

// Waiting is a contact that waits, with its queue as it is now.
type Waiting struct {
	Contact *routingv1.Contact
	Queue   *provisioningv1.Queue
	// Taken: a sibling in this pod is offering the contact right now.
	Taken bool
}

// Agent chooses whom the contact is offered to, the longest idle first. spread is for a choice that met a conflict: it
// then falls among the best four, by a hash of the contact, so that competitors part. Without a chosen one the result is
// -1, and the decision says only who was passed over.
func Agent(w Waiting, candidates []Candidate, now time.Time, spread bool) (int, *routingv1.Decision) {
	order := make([]int, len(candidates))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return IdleSince(candidates[a]).Compare(IdleSince(candidates[b]))
	})
	decision := &routingv1.Decision{}
	var fit []int
	for _, i := range order {
		why := Unfit(w, candidates[i], now)
		if why == "" {
			fit = append(fit, i)
			continue
		}
		if len(decision.PassedOver) < maxPassedOver {
			decision.PassedOver = append(decision.PassedOver, &routingv1.Decision_PassedOver{AgentId: candidates[i].ID, Reason: why})
		}
	}
	n := pick(len(fit), w.Contact.Id, spread)
	if n < 0 {
		return -1, decision
	}
	decision.Chosen, decision.Why = candidates[fit[n]].ID, longestIdle
	if n > 0 {
		decision.Why = amongLongestIdle
	}
	return fit[n], decision
}

// Contact chooses what a free agent is offered, or -1.
func Contact(c Candidate, waiting []Waiting, now time.Time, spread bool) (int, *routingv1.Decision) {
	var fit []int
	for i, w := range waiting {
		if Unfit(w, c, now) == "" && !w.Taken {
			fit = append(fit, i)
		}
	}
	slices.SortStableFunc(fit, func(a, b int) int {
		return cmp.Compare(Order(waiting[a].Contact), Order(waiting[b].Contact))
	})
	n := pick(len(fit), c.ID, spread)
	if n < 0 {
		return -1, nil
	}
	decision := &routingv1.Decision{Chosen: c.ID, Why: firstInLine}
	if n > 0 {
		decision.Why = amongFirstInLine
	}
	return fit[n], decision
}

// Unfit says why the agent cannot be offered the contact now; empty if they can.
func Unfit(w Waiting, c Candidate, now time.Time) string {
	switch {
	case c.Agent == nil:
		return NotInDirectory
	case c.Agent.Deactivated:
		return Deactivated
	case !slices.Contains(c.Agent.QueueIds, w.Queue.GetId()):
		return NotInQueue
	case c.Presence.GetStatus() != presencev1.Status_STATUS_AVAILABLE:
		return NotAvailable
	case c.Presence.GetConnection() == presencev1.Connection_CONNECTION_GRACE:
		return ConnectionGrace
	case c.Presence.GetConnection() != presencev1.Connection_CONNECTION_CONNECTED:
		return NotAvailable
	case Free(c, w.Contact.Channel) <= 0:
		return NoCapacity
	case !skilled(c.Agent, w):
		return SkillMissing
	case passedLately(w, c.ID, now):
		return PassedBefore
	case c.Taken:
		return Taken
	}
	return ""
}

// Assignable reports whether presence lets the agent be given contacts.
func Assignable(p *presencev1.Presence) bool {
	return p.GetStatus() == presencev1.Status_STATUS_AVAILABLE && p.GetConnection() == presencev1.Connection_CONNECTION_CONNECTED
}

// Open reports whether directory and presence let the agent be given contacts at all.
func Open(c Candidate) bool {
	return c.Agent != nil && !c.Agent.Deactivated && Assignable(c.Presence)
}

// Free is how many more contacts of a channel the agent can hold.
func Free(c Candidate, channel commonv1.Channel) int {
	free := 0
	for _, k := range c.Agent.GetCapacity() {
		if k.Channel == channel {
			free = int(k.Contacts)
		}
	}
	for _, card := range c.Workload.GetCards() {
		if card.Channel == channel {
			free--
		}
	}
	return free
}

// IdleSince orders agents: since when they have had nothing to do, by their work and by their presence. Who holds a
// contact and can hold another goes behind, at the time of their latest.
func IdleSince(c Candidate) time.Time {
	idle := c.Workload.GetIdleSince().AsTime()
	if len(c.Workload.GetCards()) > 0 {
		idle = c.Workload.GetAt().AsTime()
	}
	if since := c.Presence.GetSince().AsTime(); since.After(idle) {
		return since
	}
	return idle
}

// Order of waiting contacts, lowest first: by priority, then by age. It is the score of the waiting index.
func Order(c *routingv1.Contact) float64 {
	return OrderOf(c.Priority, c.QueuedAt.AsTime())
}

// OrderOf gives the place of a priority and a time.
func OrderOf(priority uint32, queuedAt time.Time) float64 {
	return float64(100-min(priority, 100))*perPriority + float64(queuedAt.UnixMilli())
}

// PlaceOf reads a score of Order back: since when the contact waits, and where the contacts of lower priority begin.
func PlaceOf(score float64) (queuedAt time.Time, next float64) {
	behind := math.Floor(score / perPriority)
	return time.UnixMilli(int64(score - behind*perPriority)), (behind + 1) * perPriority
}

func skilled(a *provisioningv1.Agent, w Waiting) bool {
	return has(a, w.Queue.GetRequiredSkills()) && has(a, w.Contact.RequiredSkills)
}

func has(a *provisioningv1.Agent, required []*commonv1.Skill) bool {
	for _, r := range required {
		if !slices.ContainsFunc(a.Skills, func(s *commonv1.Skill) bool { return s.Name == r.Name && s.Level >= r.Level }) {
			return false
		}
	}
	return true
}

// passedLately reports whether the contact came back from the agent so short ago that it is not theirs again yet.
func passedLately(w Waiting, agent string, now time.Time) bool {
	retry := time.Duration(w.Contact.Terms.GetRetryAfterMs()) * time.Millisecond
	return slices.ContainsFunc(w.Contact.Passes, func(p *routingv1.Pass) bool {
		return p.AgentId == agent && now.Sub(p.At.AsTime()) < retry
	})
}

// pick takes the first, or after a conflict one of the first four by a hash of who is looking.
func pick(n int, looking string, spread bool) int {
	switch {
	case n == 0:
		return -1
	case !spread:
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(looking))
	return int(h.Sum32() % uint32(min(n, best)))
}
