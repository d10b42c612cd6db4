package model

// Runs gives a family of runs:
//
//	asis   the first design: all but one must break, each as named
//	mend   the protocol with every kind of fault: must be clean
//	code   the same as pkg/commit and pkg/rebuild do it, where they do it otherwise: must be clean
//	alt    another clause in place of one: must be clean
//	off    one clause left out: must break, unless the clause is not needed
//	deep   wider bounds, searched as far as the limit of states allows: for nights
func Runs(family string) []Run {
	return map[string][]Run{"asis": asIs(), "mend": mend(), "code": code(), "alt": alternatives(), "off": off(), "deep": deep()}[family]
}

func run(name string, p Protocol, f Faults, b Bounds, o operations, breaks Property, why string) Run {
	r := Run{Name: name, Why: why, Breaks: breaks, Protocol: p, Faults: f, Bounds: b, Operations: o, LogLength: 4}
	if p.has(epochs) {
		return r
	}
	r.LogLength = 5
	return r
}

// What the operations of a run are about.
var (
	oneSignal = set(signalA)
	signalAnd = set(signalA, reserveA)
	theSlot   = set(reserveA, reserveB, releaseA)
	twoWanted = set(reserveA, reserveB)
	theGuard  = set(reserveA, turnGuard, touchGuard)
	allOfA    = set(signalA, reserveA, reserveB, releaseA)
)

// Bounds are events, faults, recoveries, sendings.

func asIs() []Run {
	no := func(name string, f Faults, b Bounds, o operations, breaks Property, why string) Run {
		return run("asis-"+name, asDesigned, f, b, o, breaks, why)
	}
	return []Run{
		no("nofault", 0, Bounds{4, 0, 0, 2}, allOfA, "", "no fault, no pod dies"),
		no("pod-dies", podDies, Bounds{3, 1, 2, 1}, signalAnd, ForkOrGap, "the relay claims entries, not records; no fault of Redis at all"),
		no("giveup", giveUp, Bounds{3, 1, 0, 1}, signalAnd, ForkOrGap, "the producer gives up on n, n+1 goes through; no fault of Redis at all"),
		no("late-publish", flush, Bounds{3, 1, 2, 1}, signalAnd, AcknowledgedLost, "acknowledged after recovery had read the log"),
		no("late-publish-fork", flush, Bounds{3, 1, 2, 1}, signalAnd, TwoContents, "the same revision twice"),
		no("dedup-lost", flush, Bounds{2, 1, 2, 2}, oneSignal, CountedTwice, "the marks of what was applied die with Redis"),
		no("cut", flush, Bounds{3, 1, 2, 1}, theSlot, TwoHolders, "the logs of two records are no consistent cut: two reservations in them"),
		no("outside", flush, Bounds{3, 1, 2, 1}, twoWanted, TwoActing, "outside was told of a reservation that recovery forgets"),
		no("guard-aba", flush, Bounds{3, 1, 2, 1}, theGuard, AgainstGuard, "the guard's revision is used again after the loss, with other content"),
		no("flush-in-recovery", flush, Bounds{3, 2, 2, 1}, signalAnd, RecordsMissing, "FLUSHALL during recovery, then open"),
		no("slow-recovery", flush, Bounds{2, 1, 2, 1}, set(reserveA, releaseA), DerivedWrong, "a slow recovery rewrites what is derived after a fast one has opened"),
		no("other-load", restart|foreignLoad, Bounds{3, 2, 0, 1}, signalAnd, BehindLog, "another tenant or service loads the shared script; fresh or idle pod"),
		no("exprimary", failover|knowsScript, Bounds{3, 1, 0, 1}, signalAnd, BehindLog, "failover to a lagging server that was primary before; fresh or idle pod"),
		no("there-and-back", failover|split, Bounds{3, 2, 0, 1}, signalAnd, BehindLog, "A, then B that lagged, then A before B was recovered: A knows its scripts"),
		no("comeback", failover|split|comeback|podDies, Bounds{3, 3, 2, 1}, signalAnd, NeitherOutboxNorLog, "recovery merges into an old primary's own branch"),
		no("split", failover|split, Bounds{2, 1, 1, 1}, oneSignal, AcknowledgedLost, "both primaries take writes, both are acknowledged"),
	}
}

func mend() []Run {
	yes := func(name string, also Protocol, f Faults, b Bounds, o operations, why string) Run {
		return run("mend-"+name, mended|also, f, b, o, "", why)
	}
	return []Run{
		yes("nofault", 0, 0, Bounds{3, 0, 0, 2}, allOfA, "no fault, resends"),
		yes("flush", 0, flush|needless, Bounds{2, 1, 2, 2}, signalAnd, "FLUSHALL, resends, recoveries that nobody needed"),
		yes("flush-crash", 0, flush|podDies, Bounds{2, 2, 2, 1}, signalAnd, "FLUSHALL twice, or a pod dies"),
		yes("slot", 0, flush, Bounds{4, 1, 1, 1}, theSlot, "two want the slot, over FLUSHALL"),
		yes("guard", 0, flush, Bounds{3, 1, 1, 1}, theGuard, "the slot against the guard, over FLUSHALL"),
		yes("restart", 0, restart|podDies|foreignLoad, Bounds{2, 2, 2, 2}, oneSignal, "truncated AOF, a pod dies, others load scripts"),
		yes("failover", 0, failover|keepConns|podDies, Bounds{2, 2, 2, 2}, oneSignal, "lagging replica, rejoin, back again, a pod dies"),
		yes("split", 0, failover|split|comeback|keepConns, Bounds{2, 2, 2, 1}, oneSignal, "split, both sides write, rejoin, comeback"),
		yes("split-watch", tailEpochs, failover|split|comeback, Bounds{2, 2, 2, 1}, oneSignal, "the same; pods hear of epochs, and recover on the wrong side too"),
		yes("split-slot", 0, failover|split, Bounds{2, 1, 2, 1}, twoWanted, "split, both sides give the slot"),
		yes("giveup", 0, giveUp|flush, Bounds{3, 2, 1, 1}, signalAnd, "the producer gives up, FLUSHALL"),
	}
}

func code() []Run {
	yes := func(name string, f Faults, b Bounds, o operations, why string) Run {
		return run("code-"+name, asBuilt, f, b, o, "", why)
	}
	return []Run{
		yes("flush", flush|needless, Bounds{2, 1, 2, 2}, oneSignal, "FLUSHALL, resends, recoveries that nobody needed"),
		yes("flush-crash", flush|podDies, Bounds{2, 2, 2, 2}, oneSignal, "FLUSHALL twice, or a pod dies; resends"),
		yes("restart", restart|podDies, Bounds{2, 2, 1, 2}, oneSignal, "truncated AOF, a pod dies, resends"),
		yes("split", failover|split|comeback, Bounds{2, 2, 1, 2}, oneSignal, "split, both sides write, rejoin, comeback; resends"),
		yes("split-slot", failover|split, Bounds{2, 1, 1, 1}, twoWanted, "split, both sides give the slot"),
		yes("giveup", giveUp|flush, Bounds{3, 2, 1, 1}, signalAnd, "the producer gives up, FLUSHALL"),
	}
}

func alternatives() []Run {
	return []Run{run("alt-putback", mended&^confirmingRead|putBack, failover|split|comeback, Bounds{3, 2, 2, 2}, oneSignal, "",
		"in place of the confirming read the signals of void events are handed in again")}
}

func off() []Run {
	without := func(clause Protocol, name string, f Faults, b Bounds, o operations, breaks Property, why string) Run {
		return run("off-"+name, mended&^clause, f, b, o, breaks, why)
	}
	perEpoch := without(replidOfMark, "ident-with-nonce", failover|split|podDies, Bounds{2, 3, 2, 1}, oneSignal, Any, "a script whose text carries the epoch is not enough in its place")
	perEpoch.Protocol |= scriptSign | scriptPerEpoch
	return []Run{
		without(markers, "markers", flush|needless, Bounds{3, 1, 2, 2}, signalAnd, Any, "an event that comes late counts, and recovery has not read it"),
		without(confirmingRead, "confirm", failover|split|comeback, Bounds{3, 2, 2, 2}, oneSignal, AcknowledgedLost, "acknowledged, though the other side has been opened without it"),
		without(replidOfMark, "ident", failover|split|podDies, Bounds{2, 3, 2, 1}, oneSignal, Any, "nothing tells a lagging replica from the server that was verified"),
		perEpoch,
		without(namespace, "replace", failover|split|comeback, Bounds{3, 3, 3, 1}, signalAnd, Any, "recovery merges into what another branch has left"),
		without(dedupInRecord, "recdedup", flush, Bounds{2, 1, 2, 2}, oneSignal, CountedTwice, "what was applied is forgotten with Redis, and applied again"),
		without(duplicatesWait, "dupwait", flush|podDies, Bounds{2, 2, 2, 2}, oneSignal, AcknowledgedLost, "a duplicate is acknowledged whose event only the outbox has"),
		without(requeue, "resolve", flush, Bounds{3, 1, 2, 1}, theSlot, TwoHolders, "the logs of two records are no consistent cut"),
		without(stopAtFailure, "chain", giveUp, Bounds{3, 1, 0, 1}, signalAnd, ForkOrGap, "n is given up, n+1 goes through"),
		without(recordWise, "byrecord", podDies, Bounds{3, 1, 0, 1}, signalAnd, ForkOrGap, "n is in a slow hand, the relay takes n+1"),
		without(fenceOutside|toldFirst, "fence", flush, Bounds{3, 1, 2, 1}, twoWanted, TwoActing, "outside acts on what recovery has forgotten"),
		without(toldFirst, "toldfirst", flush, Bounds{3, 1, 2, 1}, twoWanted, TwoActing, "the slot is given while outside still acts on what recovery has forgotten"),
		without(conditionalOpen, "opencheck", flush, Bounds{3, 2, 2, 1}, signalAnd, Any, "opened after another loss"),
		without(openHere, "opennow", failover|split|keepConns, Bounds{1, 3, 1, 1}, oneSignal, Any, "open compares the mark with what recovery remembers, not with INFO now"),
		without(askAtStart, "atstart", failover|split|comeback|podDies, Bounds{2, 2, 1, 1}, oneSignal, "", "not needed for safety: commits of a dead epoch are void. It spares them"),
		without(replidInScript, "inscript", failover|split|keepConns, Bounds{2, 2, 0, 1}, oneSignal, Any, "compared only when connecting; a bare REPLICAOF there and back keeps clients"),
	}
}

func deep() []Run {
	return []Run{
		run("deep-flush", mended, flush|podDies|needless, Bounds{4, 2, 2, 2}, allOfA, "", ""),
		run("deep-failover", mended, failover|restart|podDies|keepConns, Bounds{3, 2, 3, 2}, signalAnd, "", ""),
		run("deep-split", mended|tailEpochs, failover|split|comeback|podDies|keepConns, Bounds{4, 3, 3, 2}, set(signalA, reserveA, reserveB), "", ""),
	}
}
