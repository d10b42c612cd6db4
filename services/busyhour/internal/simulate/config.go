package simulate

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// LoadConfig describes a busy hour.
type LoadConfig struct {
	Targets Targets
	Tenant  string
	// Prefix of the ids of queues, agents and switches.
	Prefix string
	// BHCC: calls per busy hour.
	BHCC float64
	// Agents at their screens, and Known in the directory (at least as many).
	Agents, Known int
	Span          time.Duration
	Seed          uint64
	Switches      int
	Queues        int
	// Occupancy is the share of their time that agents have a call; Habits.Talk follows from it if it is zero.
	Occupancy float64
	Habits    Habits
	// Abandons is the share of customers who leave within seconds; the others wait for minutes.
	Abandons   float64
	Duplicates float64
	// Closing: what is still going on then ends within this time after Span.
	Closing time.Duration
	// Patient: how long the last calls, cards and acknowledgements may take beyond that before they are findings.
	Patient time.Duration

	// Watch is told of everything that goes in and out.
	Watch Watch
	// Placed is called for every call that is placed, if it is set.
	Placed func(*Call)
	// Progress is called every second, if it is set.
	Progress func(Progress)
	// Began is called when everybody is at their screen and the first call is about to come, if it is set; Ended when
	// the last has come.
	Began, Ended func()
}

// DefaultLoad is 80,000 BHCC for 500 agents.
func DefaultLoad() LoadConfig {
	return LoadConfig{
		Tenant: "demo", Prefix: "sim", BHCC: 80_000, Agents: 500, Span: 2 * time.Minute, Switches: 4, Queues: 1,
		Occupancy: 0.8, Abandons: 0.03, Duplicates: 0.01, Closing: 5 * time.Second, Patient: time.Minute,
		Habits: Habits{Think: time.Second, WrapUp: time.Second, Declines: 0.02, Ignores: 0.002, Ends: 0.3, Holds: 0.05},
	}
}

// complete fills what follows from the rest, and says everything that is wrong at once.
func (c *LoadConfig) complete() error {
	var wrong []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	need(c.BHCC > 0, "bhcc %g: must be above 0", c.BHCC)
	need(c.Agents > 0, "agents %d: at least 1", c.Agents)
	need(c.Span > 0, "the load must last longer than %s", c.Span)
	need(c.Switches > 0, "switches %d: at least 1", c.Switches)
	need(c.Queues > 0, "queues %d: at least 1", c.Queues)
	need(c.Occupancy > 0 && c.Occupancy < 1, "occupancy %g: between 0 and 1", c.Occupancy)
	for _, s := range []float64{c.Abandons, c.Duplicates, c.Habits.Declines + c.Habits.Ignores, c.Habits.Ends + c.Habits.Holds} {
		need(s >= 0 && s <= 1, "share %g: between 0 and 1", s)
	}
	if err := c.Targets.Validate(); err != nil {
		wrong = append(wrong, err)
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	c.Known = max(c.Known, c.Agents)
	if c.Habits.Talk == 0 {
		c.Habits.Talk = c.talk()
	}
	need(c.Habits.Talk >= time.Second/2, "%d agents cannot take %g calls an hour: a call may last %s only, with the rest of an agent's time; take more agents, fewer calls, or say how long they talk",
		c.Agents, c.BHCC, c.Habits.Talk.Round(time.Millisecond))
	return errors.Join(wrong...)
}

// talk is the mean talk time at which the agents are as busy as wanted: agents × occupancy ÷ rate, less what a call
// takes of an agent beside the talk.
func (c *LoadConfig) talk() time.Duration {
	each := float64(c.Agents) * c.Occupancy / c.BHCC * float64(time.Hour)
	return time.Duration(each) - c.Habits.Think - c.Habits.WrapUp
}

// people of the load: each queue needs its own skill, each agent serves one queue.
func (c *LoadConfig) people() People {
	p := People{Tenant: c.Tenant}
	for i := range c.Queues {
		p.Queues = append(p.Queues, &provisioningv1.Queue{
			Id: c.queue(i), Name: "Simulated " + c.queue(i), Channel: commonv1.Channel_CHANNEL_VOICE,
			RequiredSkills:     []*commonv1.Skill{{Name: c.queue(i), Level: 10}},
			OfferTimeout:       durationpb.New(10 * time.Second),
			WrapUpLimit:        durationpb.New(10 * time.Second),
			MaxWait:            durationpb.New(10 * time.Minute),
			ServiceLevelTarget: durationpb.New(20 * time.Second),
			RetryAfter:         durationpb.New(2 * time.Second),
		})
	}
	for i := range c.Known {
		q := c.queue(i % c.Queues)
		p.Agents = append(p.Agents, &provisioningv1.Agent{
			Id: c.AgentID(i), Name: fmt.Sprintf("Simulated %d", i+1), QueueIds: []string{q},
			Skills:   []*commonv1.Skill{{Name: q, Level: uint32(10 + i%91)}},
			Capacity: []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_VOICE, Contacts: 1}},
			Address:  fmt.Sprintf("sip:%s@example.com", c.AgentID(i)),
		})
	}
	return p
}

func (c *LoadConfig) queue(i int) string { return fmt.Sprintf("%s-queue-%d", c.Prefix, i+1) }

// AgentID of the i-th agent.
func (c *LoadConfig) AgentID(i int) string { return fmt.Sprintf("%s-%05d", c.Prefix, i+1) }
