// Package model is the protocol of pkg/commit and pkg/rebuild, small enough that every interleaving of it is tried.
//
// # The world
//
// Two pods of one service work on two Redis servers, a primary and its replica, and on a log (Kafka, one partition per
// record). They keep the records a and b, which compete for one slot: each may hold it, not both. A third record, the
// guard, stands for another service's: the slot may be taken only while the guard is up. Signals come from senders that
// send again until they are answered; somebody outside is told who holds the slot, and acts on it.
//
// Pods load, commit, publish, confirm, relay and recover, in any order, and either may be held up between any two steps
// for as long as you like: so both may recover at once, and a pod may wake up reigns later. There is no lease at all,
// that is, a lease that always runs out. What may fail is listed in Faults, the clauses of the protocol in Protocol, and
// a Run says which of both there are and how far to look. The search is breadth first, so what breaks breaks by a
// shortest schedule.
//
// # What is checked
//
// In every state, and for every server that a pod could commit on (properties.go): it is not behind the log; what it is
// ahead of the log is in its outbox; a signal that was acknowledged stands in the record, once; a revision has one
// content; what a reader of the log accepts is an unbroken chain; the slot has one holder; what is derived is right; the
// slot was not taken against the guard; outside nobody acts on two holders at once.
//
// # What is merged or left out
//
// So it is argued for, not checked: the markers of all partitions are written and the log is read in one step; one
// thread with one epoch recovers the records of both services; the log is read whole (no compactor, no state topic);
// outside is told and answers in one step; a pod has one connection, not a pool to two servers; the drain of the old
// outbox is the relay's work, before the markers; no deadlines, batches, clocks, partition growth, full disks or full
// Redis; no more than two pods, four events, three recoveries and three faults. Kafka's ack reaches the pod in the step
// of the append: the worst case for a promise. Two states are taken for one if their 64-bit hashes agree.
//
// A run that is clean says: not within these bounds. A run that breaks says: this can happen.
//
// # How to read a schedule
//
// One line a step, and below them the property that is broken then:
//
//	pod 2 commits a@1.2#3 on Redis A, to give a the slot
//
// made record a at epoch 1, n 2, which is the third event of the schedule; a@0.0#0 is what every schedule starts with.
// pod 1 and pod 2 are the same code. The schedules of all runs that must break are in testdata/results.txt, and change
// only with the protocol.
//
// DESIGN.md beside this file says which step stands for which code, and where they differ. After a change of the
// protocol: change the model first, run it, then write the code.
package model
