package history

import "time"

// Moment is a time since the run began. Nanoseconds in JSON.
type Moment = time.Duration

// Record is one thing that happened. Exactly one of the pointers is set.
type Record struct {
	// At is when the recorder heard of it.
	At Moment `json:"at"`

	Run     *Run     `json:"run,omitempty"`
	Agent   *Agent   `json:"agent,omitempty"`
	Signal  *Signal  `json:"signal,omitempty"`
	Command *Command `json:"command,omitempty"`
	Read    *Read    `json:"read,omitempty"`
	View    *View    `json:"view,omitempty"`
	Event   *Event   `json:"event,omitempty"`
	Fault   *Fault   `json:"fault,omitempty"`
	Quiet   *Quiet   `json:"quiet,omitempty"`
	Stored  *Stored  `json:"stored,omitempty"`
	Index   *Index   `json:"index,omitempty"`
	Mark    *Mark    `json:"mark,omitempty"`
	Metric  *Metric  `json:"metric,omitempty"`
}

// Run is the first record.
type Run struct {
	// Began is the moment 0, by the wall clock of this machine: Redis and Kafka stamp by it too.
	Began time.Time `json:"began"`
	Seed  uint64    `json:"seed"`
}

// Agent is somebody who may hold contacts, as provisioned.
type Agent struct {
	Tenant string `json:"tenant"`
	ID     string `json:"id"`
	// Capacity by channel, for instance "voice": 1. What is not named is 0.
	Capacity map[string]int `json:"capacity"`
}

// What became of a signal.
const (
	Sent         = "sent"         // at its first way out, or again; the first counts as the call
	Acknowledged = "acknowledged" // durable_through has reached its position
	Refused      = "refused"      // read and refused; an acknowledgement that follows promises nothing of it
)

// Signal is a step of one signal from a switch.
type Signal struct {
	Did      string `json:"did"`
	Tenant   string `json:"tenant"`
	Switch   string `json:"switch"`
	Stream   string `json:"stream,omitempty"`
	Position uint64 `json:"position,omitempty"`
	Contact  string `json:"contact"`
	Call     string `json:"call"`
	Leg      string `json:"leg,omitempty"`
	// Number on the leg; 0: the signal goes by its ID.
	Number uint64 `json:"number,omitempty"`
	ID     string `json:"id,omitempty"`
	// Kind in small letters, for instance "offered".
	Kind string `json:"kind"`
	// Reason of a refusal.
	Reason string `json:"reason,omitempty"`
}

// Outcomes of a command.
const (
	Done    = "done"
	NotDone = "refused" // the answer was a refusal: nothing has changed, nothing will
	Unknown = "unknown" // no answer came: it may have been carried out, or may yet be
)

// Command is what somebody asked of a contact or of a presence, recorded when it is answered or given up.
type Command struct {
	Tenant string `json:"tenant"`
	// Agent who asked; empty: a supervisor.
	Agent string `json:"agent,omitempty"`
	// Contact it is about; empty: the agent's own presence.
	Contact string `json:"contact,omitempty"`
	// Verb in small letters: accept, decline, hold, resume, end, complete, close; set-status.
	Verb string `json:"verb"`
	// Status that set-status wants, in small letters.
	Status string `json:"status,omitempty"`
	// Op is the operation id of the commit, where the client knows it.
	Op string `json:"op,omitempty"`

	Called   Moment `json:"called"`
	Returned Moment `json:"returned,omitempty"`
	Outcome  string `json:"outcome"`
	Reason   string `json:"reason,omitempty"`
	// Revision of the record in the answer, if it names one.
	Revision Revision `json:"revision,omitzero"`
}

// Read is a contact as an answer of call-routing showed it.
type Read struct {
	Tenant   string   `json:"tenant"`
	Contact  string   `json:"contact"`
	Called   Moment   `json:"called"`
	Returned Moment   `json:"returned"`
	Verified bool     `json:"verified"`
	Revision Revision `json:"revision,omitzero"`
	// State in small letters, "" if there is no such contact.
	State string `json:"state,omitempty"`
}

// View is what a screen shows from At on, until the next View of that screen.
type View struct {
	Tenant string `json:"tenant"`
	Agent  string `json:"agent"`
	Screen string `json:"screen"`
	// Connected and Verified as the screen knows it. What a screen that is neither shows is no promise.
	Connected bool `json:"connected"`
	Verified  bool `json:"verified"`
	// Epoch is the highest that the screen knows.
	Epoch    uint32   `json:"epoch"`
	Workload Revision `json:"workload,omitzero"`
	Presence Revision `json:"presence,omitzero"`
	// Status and Connection of the presence, in small letters.
	Status     string `json:"status,omitempty"`
	Connection string `json:"connection,omitempty"`
	Cards      []Card `json:"cards,omitempty"`
}

// Card is a work card on a screen, or in a workload record.
type Card struct {
	Contact  string   `json:"contact"`
	State    string   `json:"state"`
	Channel  string   `json:"channel"`
	Revision Revision `json:"revision"`
}

// What a fault did.
const (
	Begun = "begun"
	Ended = "ended"
)

// Fault is the beginning or the end of one fault. One that is over at once, such as a kill, has ended when what it hit
// was up again.
type Fault struct {
	Did string `json:"did"`
	// ID is one fault's; the beginning and the end share it.
	ID string `json:"id"`
	// Kind, for instance "redis-flushall", "pod-kill", "tamper-edit".
	Kind   string `json:"kind"`
	Target string `json:"target,omitempty"`
	Note   string `json:"note,omitempty"`
}

// Quiet is when load and faults had ended, everything was repaired, and what runs out by itself had had its time.
type Quiet struct{}

// Metric is one sample of one series of one process.
type Metric struct {
	Process string            `json:"process"`
	Name    string            `json:"name"`
	Labels  map[string]string `json:"labels,omitempty"`
	Value   float64           `json:"value"`
}
