package topics

import "strings"

// limits are how far the topics may grow that are expected to; the words of the plan say the same.
var limits = map[string]int32{
	Signals: 48, ContactEvents: 48, ContactState: 48,
	PresenceCommands: 24, AgentEvents: 24, AgentState: 24,
	Requests: 12, Outcomes: 12, JobState: 12,
}

// Limit is how many partitions the plan lets the topic have at most.
func (t Topic) Limit() int32 { return max(limits[t.Name], t.Partitions) }

// MayGrow reports whether the topic may have more partitions than it was made with, at all.
func (t Topic) MayGrow() bool { return !strings.HasPrefix(t.Growth, "never") }

// StateOf is the compacted topic beside an events topic, or "". It has at least as many partitions, always.
func StateOf(events string) string {
	return map[string]string{ContactEvents: ContactState, AgentEvents: AgentState, Outcomes: JobState, DirectoryEvents: Directory}[events]
}

// EventsOf is the events topic beside a compacted one, or "".
func EventsOf(state string) string {
	return map[string]string{ContactState: ContactEvents, AgentState: AgentEvents, JobState: Outcomes, Directory: DirectoryEvents}[state]
}

// EpochsOf is the epoch topic of the service that a topic belongs to.
func EpochsOf(topic string) string {
	service, _, _ := strings.Cut(topic, ".")
	return service + ".epochs.v1"
}

// Find gives the line of the plan for a topic.
func Find(name string) (Topic, bool) {
	for _, t := range Plan() {
		if t.Name == name {
			return t, true
		}
	}
	return Topic{}, false
}
