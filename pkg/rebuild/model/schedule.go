package model

import (
	"fmt"
	"slices"
)

// schedule tells the way to what broke, step by step.
func (x *search) schedule() []string {
	way := []reached{x.last}
	for n := x.last.from; n != 0; n = x.reached[n].from {
		way = append(way, x.reached[n])
	}
	slices.Reverse(way)
	var lines []string
	before := x.moves.start()
	for _, step := range way {
		m := x.moves.in(&before)[step.move]
		lines = append(lines, describe(&before, &m.to, m.action))
		before = m.to
	}
	return lines
}

func (r record) String() string { return [...]string{"a", "b", "guard"}[r] }

func (o operation) String() string {
	return [...]string{
		"apply a's signal", "apply b's signal", "give a the slot", "give b the slot", "take the slot from a", "take the slot from b",
		"turn the guard", "touch the guard",
	}[o]
}

func serverName(i uint8) string { return [...]string{"Redis A", "Redis B"}[i] }

// content is "a@1.2#3": record a at epoch 1, n 2, as event 3 made it.
func (s *state) content(r record, u uid) string {
	if u == missing {
		return "nothing"
	}
	e := s.event(u)
	return fmt.Sprintf("%s@%d.%d#%d", r, e.epoch, e.n, u)
}

func (s *state) eventName(u uid) string { return s.content(s.event(u).record, u) }

func describe(before, after *state, a action) string {
	if a.kind > tellsOutside && a.kind != dies {
		return describeWorld(a.kind, serverName(a.by))
	}
	pod := fmt.Sprintf("pod %d", a.by+1)
	return pod + " " + describePod(before, after, a)
}

func describePod(before, after *state, a action) string {
	was, is := &before.pods[a.by], &after.pods[a.by]
	on := ""
	if was.conn.on != 0 {
		on = " on " + serverName(was.conn.on-1)
	}
	switch a.kind {
	case loads:
		o := operation(a.with)
		return fmt.Sprintf("loads %s%s to %s", after.content(o.primary(), is.base), on, o)
	case commits:
		return describeCommit(after, was.operation, on, a.with)
	case publishes:
		return "publishes " + after.eventName(uid(a.with)) + ", Kafka acks"
	case confirms:
		return "reads the newest epoch and acknowledges what is of it"
	case removes:
		return "removes what is in the log from the outbox" + on
	case relays:
		return fmt.Sprintf("takes in hand what the outbox of %s still has%s", record(a.with), on)
	case givesUp:
		return "gives up publishing " + after.eventName(uid(a.with))
	case connects:
		return "connects to " + serverName(a.with)
	case hears:
		return fmt.Sprintf("hears of epoch %d", after.newest)
	case tellsOutside:
		return fmt.Sprintf("tells outside of epoch %d and who holds the slot", after.outside.epoch)
	case dies:
		return "dies; a fresh one takes its place"
	}
	return "recovery" + on + ": " + describeRecovery(after, is, a)
}

func describeCommit(after *state, o operation, on string, outcome uint8) string {
	switch outcome {
	case refused:
		return fmt.Sprintf("is refused%s, to %s", on, o)
	case duplicate:
		return fmt.Sprintf("finds a duplicate%s, to %s", on, o)
	}
	return fmt.Sprintf("commits %s%s, to %s", after.eventName(uid(after.made)), on, o)
}

func describeRecovery(after *state, p *pod, a action) string {
	found := func() string {
		r := p.recovery.records
		return after.content(recordA, r[recordA]) + " " + after.content(recordB, r[recordB]) + " " + after.content(guard, r[guard])
	}
	switch {
	case a.kind == recoveryStarts && p.at == logRead:
		return "reads the log: " + found()
	case a.kind == recoveryStarts:
		return fmt.Sprintf("takes epoch %d", p.recovery.epoch)
	case p.at == resting && !(a.kind == recoveryOpens && a.with == done):
		return "ends, the mark is not its own any more"
	case a.kind == recoveryCloses:
		return "closes the mark"
	case a.kind == recoveryReads:
		return "writes markers, reads the log: " + found()
	case a.kind == recoveryBuilds:
		return fmt.Sprintf("builds, the slot held by: %s", p.recovery.slot)
	}
	return "opens"
}

func (h holders) String() string { return [...]string{"nobody", "a", "b", "a and b"}[h] }

func describeWorld(k kind, server string) string {
	switch k {
	case replicates:
		return "the replica catches up"
	case syncs:
		return server + "'s disk catches up"
	case flushes:
		return "FLUSHALL on " + server
	case restarts:
		return server + " restarts with what was on its disk"
	case promotedDead:
		return server + " is promoted, the old primary is dead"
	case promotedSplit:
		return server + " is promoted, the old primary lives on, cut off"
	case rejoins:
		return server + " comes back as a replica, by a full resync"
	case comesBack:
		return server + " is the primary again, with its own data; the other is down"
	}
	return "another tenant's or service's recovery loads the shared script on " + server
}
