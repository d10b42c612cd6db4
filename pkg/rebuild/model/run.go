package model

// Protocol is the set of clauses in force.
type Protocol uint32

// The signs that the first design relied on.
const (
	scriptSign   Protocol = 1 << iota // a commit passes only where the commit script is known to Redis
	markSign                          // and where the mark is open
	sequenceSign                      // and where the sequence is not lower than one that this pod has seen
)

// The clauses that mend it.
const (
	epochs          Protocol = 8 << iota // recovery takes an epoch from the log; mark, commit and revision carry it
	replidOfMark                         // the mark names the server's replid; compared when a pod connects
	replidInScript                       // and again inside every script
	askAtStart                           // a starting pod reads the newest epoch from the log
	markers                              // recovery writes its marker into every partition: lower epochs behind it are void
	namespace                            // recovery builds in a namespace of its own; nothing is merged into what it finds
	dedupInRecord                        // the record carries the signals applied to it
	duplicatesWait                       // a duplicate is acknowledged when the event that it repeats is in the log
	requeue                              // of two holders of the slot in the log, one is requeued by a commit
	stopAtFailure                        // what fails to publish holds back the later events of its record
	recordWise                           // a relay claims a record's whole outbox, not single entries
	confirmingRead                       // acknowledged only after the newest epoch was read again, after Kafka's ack
	fenceOutside                         // outside is told of a new epoch and who holds the slot in it, and refuses lower ones
	toldFirst                            // and the slot is given to nobody before that
	conditionalOpen                      // open demands the very mark that this recovery closed
	openHere                             // on a server whose replid is the mark's now
	tailEpochs                           // running pods hear of a new epoch, some time
	removeAtAck                          // an outbox entry goes at Kafka's ack, not only after the confirming read
	confirmReign                         // the confirming read for a duplicate asks for the epoch it was answered in, not for its event's
)

// Clauses that were tried in place of others.
const (
	scriptPerEpoch Protocol = 1 << (30 - iota) // the text of the commit script names the epoch, so scriptSign is per epoch
	putBack                                    // the signal of a void event is handed in again
)

// asDesigned is the first design, mended the one of today, asBuilt what pkg/commit and pkg/rebuild do.
const (
	asDesigned = scriptSign | markSign | sequenceSign
	mended     = markSign | epochs | replidOfMark | replidInScript | askAtStart | markers | namespace | dedupInRecord |
		duplicatesWait | requeue | stopAtFailure | recordWise | confirmingRead | fenceOutside | toldFirst | conditionalOpen | openHere
	asBuilt = mended | tailEpochs | removeAtAck | confirmReign
)

func (p Protocol) has(clause Protocol) bool { return p&clause != 0 }

// Faults is the set of what may happen to servers and pods.
type Faults uint16

// Each of these counts against the bound of a run.
const (
	flush       Faults = 1 << iota // FLUSHALL on the primary
	restart                        // the primary comes back with what was on its disk, of any age
	failover                       // a replica of any lag is promoted, the primary is dead; it may rejoin
	split                          // or lives on as a second primary, cut off
	comeback                       // the second primary is the primary again, with its own data; the other is down
	podDies                        // a fresh pod takes its place
	giveUp                         // a producer gives up on an event
	foreignLoad                    // another tenant's or service's recovery loads the shared script
)

// These do not.
const (
	keepConns   Faults = 1 << (15 - iota) // clients stay connected to a server that rejoins, as a bare REPLICAOF lets them
	needless                              // recoveries that nobody needed
	knowsScript                           // the replica knows the script from an earlier reign
)

func (f Faults) may(fault Faults) bool { return f&fault != 0 }

// Bounds says how far to look.
type Bounds struct {
	Events     uint8
	Faults     uint8
	Recoveries uint8
	Sendings   uint8 // of each signal
}

// Run is one question to the model.
type Run struct {
	Name string
	Why  string
	// Breaks is the property that must break; empty if all must hold.
	Breaks Property

	Protocol
	Faults
	Bounds
	Operations operations
	LogLength  uint8 // how many entries a partition may have when an event is appended
}
