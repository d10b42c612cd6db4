//go:build safeguards

package safeguards

// safeguard is one clause of the protocol, and the test that fails without it.
type safeguard struct {
	name string
	// model runs that break without it, in the words of the model's own list.
	model []string
	// file from the root of the repository; old text, which must stand there once, and what takes its place.
	file, old, new string
	// pkg and its test, as `go test -run` takes it; of the page, a test file and part of a test's name.
	pkg, test string
}

const (
	inCommit     = "./pkg/commit"
	inRebuild    = "./pkg/rebuild"
	inContact    = "./services/call-routing/internal/contact"
	inMatch      = "./services/call-routing/internal/match"
	inRouting    = "./services/call-routing"
	inAgent      = "./services/agent-presence/internal/agent"
	inSimulate   = "./services/busyhour/internal/simulate"
	onMiniredis  = "TestPromisesOnMiniredis/"
	commitLua    = "pkg/commit/commit.lua"
	loadLua      = "pkg/commit/load.lua"
	openLua      = "pkg/commit/mark_open.lua"
	closeLua     = "pkg/commit/mark_close.lua"
	buildLua     = "pkg/commit/mark_build.lua"
	outboxGo     = "pkg/commit/outbox.go"
	durableGo    = "pkg/commit/durable.go"
	recoveryGo   = "pkg/rebuild/recovery.go"
	reservations = "services/call-routing/internal/recovery/recovery.go"
)

var safeguards = []safeguard{
	// Verified or closed.
	{"the commit compares the server's identity", []string{"off-ident", "off-inscript", "off-ident-with-nonce", "asis-other-load"},
		commitLua, `if mark[3] ~= replid then return {'replid'} end`, ``,
		inCommit, onMiniredis + "a commit compares the mark/another server"},
	{"the commit compares its epoch", []string{"asis-slow-recovery"},
		commitLua, `if mark[1] ~= ARGV[1] then return {'epoch'} end`, ``,
		inCommit, onMiniredis + "a commit compares the mark/another epoch"},
	{"the commit finds the mark closed", []string{"off-opencheck"},
		commitLua, `if mark[2] ~= '1' then return {'closed'} end`, ``,
		inCommit, onMiniredis + "a commit compares the mark/closed"},
	{"a refusal rests on the same server", []string{"off-ident"},
		loadLua, `if m[3] ~= replid then return 'replid' end`, ``,
		inCommit, onMiniredis + "a refusal compares the mark/another server"},
	{"a refusal rests on its epoch", nil,
		loadLua, `if m[1] ~= epoch then return 'epoch' end`, ``,
		inCommit, onMiniredis + "a refusal compares the mark/another epoch"},
	{"a refusal finds the mark closed", nil,
		loadLua, `if m[2] ~= '1' then return 'closed' end`, ``,
		inCommit, onMiniredis + "a refusal compares the mark/closed"},
	{"a sequence that goes back is an alarm", []string{"asis-exprimary"},
		"pkg/commit/gate.go", `if seq < reached {`, `if false {`,
		inCommit, onMiniredis + "a sequence that goes back closes the gate"},
	{"a mark that the log has outlived is not adopted", []string{"off-atstart"},
		recoveryGo, `mark.Epoch < r.epochs.Newest(tenant)`, `mark.Epoch < min(mark.Epoch, r.epochs.Newest(tenant))`,
		inRebuild, "TestAMarkThatTheLogHasOutlivedIsNotAdopted"},

	// Revisions, guards, operations.
	{"the second writer meets a conflict", nil,
		commitLua, `if revision[r[1]] ~= r[2] then return {'conflict', r[1]} end`, ``,
		inCommit, onMiniredis + "the second writer decides again on what the first made"},
	{"a guard stops the commit", nil,
		commitLua, `if revision[g[1]] ~= g[2] then return {'conflict', g[1]} end`, ``,
		inCommit, onMiniredis + "a guard that has changed stops the commit"},
	{"a foreign guard holds in its epoch only", []string{"asis-guard-aba"},
		commitLua, `if not open_in(m[1], m[2]) then return {'foreign', m[1]} end`, ``,
		inCommit, onMiniredis + "a foreign guard that has changed stops the commit"},
	{"a foreign guard is sent with the epoch it was read in", []string{"asis-guard-aba"},
		"pkg/commit/batch.go", `w.key(o.mark), o.epoch)`, `w.key(o.mark), tx.store.foreign[o.mark])`,
		inCommit, onMiniredis + "a foreign guard holds in the epoch it was read in, whatever the pod has heard of since"},
	{"the epoch is in the revision", []string{"asis-late-publish-fork"},
		"pkg/commit/revision.go", `Revision{Epoch: epoch, N: r.N + 1}`, `Revision{Epoch: min(epoch, max(1, r.Epoch)), N: r.N + 1}`,
		inCommit, onMiniredis + "a recovery opens only what it closed"},
	{"an operation met again gives its first outcome", []string{"off-recdedup"},
		commitLua, `if primary and c.op ~= '' and operation[primary[1]] == c.op then`, `if false then`,
		inCommit, onMiniredis + "a script that ran twice answers with its first outcome"},
	{"the client sends a script once", nil,
		"pkg/commit/script.go", `func (once) NoRetry() bool { return true }`, `func (once) NoRetry() bool { return false }`,
		inCommit, "TestScriptIsSentOnceByTheClient"},
	{"types are checked before the first write", nil,
		commitLua, `for _, x in ipairs(c.counts) do must_be(x[1], 'hash') end`, ``,
		inCommit, onMiniredis + "a record of another type stops the script before its first write"},
	{"the signals applied are in the record", []string{"off-recdedup", "asis-dedup-lost"},
		"services/call-routing/internal/contact/legs.go", `leg.Window |= 1 << (leg.Last - s.Number)`, ``,
		inContact, "TestScenarios"},
	{"a stub knows its signals", []string{"off-recdedup"},
		"services/call-routing/internal/contact/contact.go", `Legs: c.Legs, SignalIds: c.SignalIds,`, ``,
		inContact, "TestAStubKnowsItsSignals"},

	// From the outbox to the log.
	{"the record's outbox goes, not the entry", []string{"off-byrecord", "asis-pod-dies"},
		commitLua, "local verdict = {'committed'}\n\tfor _, e in ipairs(c.events) do", "local verdict = {'committed'}\n\tfor _, e in ipairs({}) do",
		inCommit, onMiniredis + "what a dead pod left in the outbox goes first"},
	{"nothing of a record goes behind a failure", []string{"off-chain", "asis-giveup"},
		outboxGo, "\t\to.unlockAndLeave(l, err)\n\t\treturn\n\t}\n\to.store.metrics.published.WithLabelValues(\"acked\")",
		"\t\twaiters := l.waiters\n\t\tl.entries, l.waiters = l.entries[1:], nil\n\t\to.unlockAndSend(l)\n\t\tfor _, w := range waiters {\n\t\t\tw.done(err)\n\t\t}\n\t\treturn\n\t}\n\to.store.metrics.published.WithLabelValues(\"acked\")",
		inCommit, onMiniredis + "nothing of a record goes behind a failure"},
	{"one message of a record is under way", []string{"off-chain"},
		outboxGo, `case l.busy:`, `case l.busy && len(l.entries) == 0:`,
		inCommit, onMiniredis + "one message of a record is under way"},
	{"the confirming read finds a later epoch", []string{"off-confirm", "asis-split", "asis-late-publish"},
		durableGo, `c.store.epochs.Newest(one.tenant) > one.epoch`, `c.store.epochs.Newest(one.tenant) > one.epoch+1000`,
		inCommit, onMiniredis + "a later epoch makes what was decided void"},
	{"the confirming read asks the log", []string{"off-confirm"},
		durableGo, `err := c.store.epochs.Confirm(ctx)`, `err := ctx.Err()`,
		inCommit, onMiniredis + "the confirming read asks the log"},
	{"a duplicate waits for the first's event", []string{"off-dupwait"},
		"pkg/commit/look.go", `if len(open) == 0 || open[0].revision.Newer(r.Revision) {`, `if open == nil || r.Record != "" {`,
		inCommit, onMiniredis + "a duplicate is durable when the first's event is in the log"},

	// Recovery.
	{"events behind a marker are void", []string{"off-markers"},
		"pkg/eventlog/voider.go", `return err == nil && epoch < fence`, `return err == nil && epoch < min(epoch, fence)`,
		inRebuild, "TestEventBehindTheMarkerIsVoid"},
	{"living pods' outboxes are drained before the fence", nil,
		recoveryGo, `n, err := b.Drain(ctx)`, `n, err := min(0, int(b.Before())), ctx.Err()`,
		inRebuild, "TestTheNextRecoveryDrainsWhatAFailedOneLeft"},
	{"each recovery has a namespace of its own", []string{"off-replace", "asis-comeback"},
		"pkg/commit/keys.go", `strconv.FormatUint(uint64(epoch), 10)`, `strconv.FormatUint(uint64(min(epoch, 1)), 10)`,
		inCommit, onMiniredis + "a recovery merges nothing into what it finds"},
	{"an epoch is closed once", []string{"asis-slow-recovery"},
		closeLua, `if m[1] and tonumber(m[1]) >= tonumber(ARGV[1]) then return {'later', m[1]} end`, ``,
		inCommit, onMiniredis + "a recovery opens only what it closed"},
	{"a recovery builds only while the mark is its own", []string{"asis-slow-recovery", "off-opencheck"},
		buildLua, `if m[1] ~= ARGV[1] or m[2] ~= '0' or m[3] ~= replid or m[4] ~= ARGV[2] then return 'the mark is not ours any more' end`, ``,
		inCommit, onMiniredis + "a recovery opens only what it closed"},
	{"a recovery opens only its own mark", []string{"off-opencheck"},
		openLua, `if m[1] ~= ARGV[1] or m[2] ~= '0' or m[4] ~= ARGV[2] then return 'the mark is not ours any more' end`, ``,
		inCommit, onMiniredis + "a recovery that opens compares the mark/another recovery"},
	{"a recovery opens on the server that it closed", []string{"off-opennow", "asis-there-and-back"},
		openLua, `if m[3] ~= replid then return 'this is not the server that was closed' end`, ``,
		inCommit, onMiniredis + "a recovery that opens compares the mark/another server"},
	{"a recovery opens when all is built", []string{"off-opencheck", "asis-flush-in-recovery"},
		openLua, `if m[5] ~= ARGV[3] then return 'built ' .. m[5] .. ' of ' .. ARGV[3] end`, ``,
		inCommit, onMiniredis + "a recovery that opens compares the mark/less than was built"},
	{"of two reservations of one slot the later stays", []string{"off-resolve", "asis-cut"},
		reservations, `b.Add(state.Doubtful, agent, 0)`, `b.Add(state.Doubtful, "", 0)`,
		inRouting, "TestOfTwoReservationsOfOneSlotTheLaterStays"},

	// Outside.
	{"a switch refuses a lower epoch", []string{"off-fence", "asis-outside"},
		"services/busyhour/internal/simulate/stream.go", `newer := revision.GetEpoch() >= s.epoch && `, `newer := `,
		inSimulate, "TestASwitchRefusesALowerEpochAndAnOlderRevision"},
	{"a screen refuses what is older", []string{"off-fence"},
		"services/busyhour/internal/simulate/view.go", "if r < v.Workload {\n\t\treturn // a delta was faster", "if false {\n\t\treturn // a delta was faster",
		inSimulate, "TestViewDropsASnapshotThatADeltaOvertook"},
	{"the page refuses a lower epoch", []string{"off-fence"},
		"services/agent-presence/web/src/desk/held.ts", `return !isZero(revision) && revision.epoch < epoch;`, `return !isZero(revision) && revision.epoch < 0 * epoch;`,
		"src/desk/held.test.ts", "of a lower epoch is refused"},
	{"the page refuses what is older", []string{"off-fence"},
		"services/agent-presence/web/src/desk/held.ts", `if (!newer(revision, has)) return "stale";`, ``,
		"src/desk/held.test.ts", "that is not newer changes nothing"},
	{"nobody in grace is offered a contact", []string{"off-toldfirst"},
		"services/call-routing/internal/match/match.go", "\tcase c.Presence.GetConnection() == presencev1.Connection_CONNECTION_GRACE:\n\t\treturn ConnectionGrace\n\tcase c.Presence.GetConnection() != presencev1.Connection_CONNECTION_CONNECTED:\n\t\treturn NotAvailable\n", ``,
		inMatch, "TestEveryReasonToPassOver"},
	{"in a new epoch an agent is assignable when a screen has answered", []string{"off-fence", "off-toldfirst"},
		"services/agent-presence/internal/agent/epoch.go", `p.Connection, p.ConnectionSince = presencev1.Connection_CONNECTION_GRACE, timestamppb.New(now)`, `p.ConnectionSince = timestamppb.New(now)`,
		inAgent, "TestScenarios"},
}
