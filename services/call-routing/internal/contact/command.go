package contact

import (
	"time"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

// Verb is what is wanted of a contact, or what a switch says became of its call.
type Verb int

const (
	// What the switch says.
	CallOffered Verb = iota + 1
	CallRinging
	CallAnswered
	CallHeld
	CallResumed
	CallEnded
	CallFailed

	// What matching, presence and recovery want.
	Offer
	Withdraw
	Reclaim

	// What the agent wants.
	Accept
	Decline
	Hold
	Resume
	End
	Complete

	// What a supervisor wants.
	Close

	// What the reaper wants: the call is gone, or with an agent whom the contact does not name.
	Lose
	Find

	// What the clock wants.
	Expire
)

var verbNames = [...]string{
	CallOffered: "call offered", CallRinging: "call ringing", CallAnswered: "call answered", CallHeld: "call held",
	CallResumed: "call resumed", CallEnded: "call ended", CallFailed: "call failed",
	Offer: "offer", Withdraw: "withdraw", Reclaim: "reclaim",
	Accept: "accept", Decline: "decline", Hold: "hold", Resume: "resume", End: "end", Complete: "complete",
	Close: "close", Lose: "lose", Find: "find", Expire: "expire",
}

func (v Verb) String() string { return verbNames[v] }

// Command is one wish or one fact.
type Command struct {
	Verb Verb
	// Signal is the switch's, of the verbs that a switch says.
	Signal *routingv1.Signal
	// Agent who acts, or whom Offer, Withdraw, Reclaim and Find are about, or who is with the call by a signal.
	Agent string
	// Workload is the agent's workload revision that a reservation makes, and Decision why an Offer went to this agent.
	Workload *commonv1.Revision
	Decision *routingv1.Decision
	// Reason of Close and Lose.
	Reason string
	// Seen is the revision that Lose was decided on; nil for a person's Lose. A contact that has moved since is not lost.
	Seen *commonv1.Revision
}

// At is what is known where and when a command is decided.
type At struct {
	Now time.Time
	// ID of the contact.
	ID string
	// Revision that the contact stands at, and Next that a change would give it.
	Revision, Next *commonv1.Revision
	// Queue that CallOffered wants; nil if there is none.
	Queue *provisioningv1.Queue
}

var signalVerbs = map[routingv1.SignalKind]Verb{
	routingv1.SignalKind_SIGNAL_KIND_OFFERED:  CallOffered,
	routingv1.SignalKind_SIGNAL_KIND_RINGING:  CallRinging,
	routingv1.SignalKind_SIGNAL_KIND_ANSWERED: CallAnswered,
	routingv1.SignalKind_SIGNAL_KIND_HELD:     CallHeld,
	routingv1.SignalKind_SIGNAL_KIND_RESUMED:  CallResumed,
	routingv1.SignalKind_SIGNAL_KIND_ENDED:    CallEnded,
	routingv1.SignalKind_SIGNAL_KIND_FAILED:   CallFailed,
}

// Of is the command that a signal stands for. Agent is whom the switch has connected, where it says so.
func Of(s *routingv1.Signal) Command {
	cmd := Command{Verb: signalVerbs[s.Kind], Signal: s}
	if cmd.Verb == CallAnswered || cmd.Verb == CallOffered {
		cmd.Agent = s.AgentId
	}
	return cmd
}

var actionVerbs = map[routingv1.ActRequest_Action]Verb{
	routingv1.ActRequest_ACTION_ACCEPT:   Accept,
	routingv1.ActRequest_ACTION_DECLINE:  Decline,
	routingv1.ActRequest_ACTION_HOLD:     Hold,
	routingv1.ActRequest_ACTION_RESUME:   Resume,
	routingv1.ActRequest_ACTION_END:      End,
	routingv1.ActRequest_ACTION_COMPLETE: Complete,
}

// By is the command that an agent's action stands for.
func By(agent string, action routingv1.ActRequest_Action) Command {
	return Command{Verb: actionVerbs[action], Agent: agent}
}

func (c Command) byAgent() bool { return c.Verb >= Accept && c.Verb <= Complete }
