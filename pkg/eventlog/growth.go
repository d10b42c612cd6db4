package eventlog

import (
	"encoding/json"
	"fmt"
	"time"
)

// GrowthType is the CloudEvents type of a growth in the epoch topic.
const GrowthType = "busyhour.growth.v1"

// Growth is a topic on its way to more partitions, as the epoch topic says it: once when it begins, once when it is done.
type Growth struct {
	Topic string `json:"topic"`
	// From is how many partitions the keys go to until it is done.
	From int32 `json:"from"`
	To   int32 `json:"to"`
	Done bool  `json:"done,omitempty"`
	// Epochs are, by tenant, the reigns whose markers stand in the new partitions. Done counts only if none was taken since.
	Epochs map[string]uint32 `json:"epochs,omitempty"`
	Nonce  string            `json:"nonce"`
	By     string            `json:"by,omitempty"`
}

// Grown is how far a topic has grown, of those that grew by Grow.
type Grown struct {
	Topic string
	// Keys go to the first so many partitions. Behind them there may be some that have no markers yet.
	Keys int32
	// To is what it grows to; Keys when nothing is under way.
	To int32
	// At is when its keys last went to more partitions than before; zero if they never did.
	At time.Time
}

func parseGrowth(m Message) (g Growth, ok bool, err error) {
	if m.Header(HeaderType) != GrowthType {
		return Growth{}, false, nil
	}
	if err := json.Unmarshal(m.Value, &g); err != nil {
		return Growth{}, true, fmt.Errorf("growth at %s/%d offset %d: %w", m.Topic, m.Partition, m.Offset, err)
	}
	return g, true, nil
}

// message has the topic as its key: what is compacted away was before its last growth.
func (g Growth) message(topic string) Message {
	value, err := json.Marshal(g)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return Message{Topic: topic, Key: []byte("growth/" + g.Topic), Value: value, Headers: []Header{
		{HeaderSpecVersion, "1.0"},
		{HeaderID, "growth/" + g.Nonce},
		{HeaderSource, source + "epochs"},
		{HeaderType, GrowthType},
		{HeaderContentType, "application/json"},
	}}
}

// OnGrowth has tell called by the tail, in order, whenever a topic begins to grow and when it has grown. It must not block.
// To hear of all, register before Run.
func (e *EpochLog) OnGrowth(tell func(Grown)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.growthTells = append(e.growthTells, tell)
}

// Grown is how far a topic has grown, as far as the tail has read; false if it never did by Grow.
func (e *EpochLog) Grown(topic string) (Grown, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	g, ok := e.grown[topic]
	return g, ok
}

// grow works in what the epoch topic says of a growth. The order of the topic decides: that it is done counts only if the
// markers of every epoch taken before stand in the new partitions. Every reader comes to the same.
func (e *EpochLog) grow(at Message, g Growth) {
	e.mu.Lock()
	now, known := e.grown[g.Topic]
	if !known {
		now = Grown{Topic: g.Topic, Keys: g.From}
	}
	now.To = max(now.Keys, g.To)
	if g.Done && g.To > now.Keys && e.marked(g.Epochs) {
		now.Keys, now.At = g.To, earlier(at.Time, time.Now())
	}
	e.grown[g.Topic] = now
	tells := e.growthTells
	e.mu.Unlock()
	for _, tell := range tells {
		tell(now)
	}
}

// marked reports whether no epoch was taken beyond these. Of takes that were compacted away a later one stands behind. The
// lock is held.
func (e *EpochLog) marked(epochs map[string]uint32) bool {
	for tenant, newest := range e.newest {
		if newest > epochs[tenant] {
			return false
		}
	}
	return true
}

// markers are the newest reigns of all tenants, as their takers would put them into the events.
func (e *EpochLog) markers() (markers []Marker, epochs map[string]uint32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := map[string]int{}
	epochs = map[string]uint32{}
	for tenant, takes := range e.takes {
		last := takes[len(takes)-1]
		epochs[tenant] = last.Epoch
		if i, ok := at[last.Nonce]; ok {
			markers[i].Tenants = append(markers[i].Tenants, tenant)
			continue
		}
		at[last.Nonce] = len(markers)
		markers = append(markers, Marker{Tenants: []string{tenant}, Epoch: last.Epoch, Nonce: last.Nonce})
	}
	return markers, epochs
}
