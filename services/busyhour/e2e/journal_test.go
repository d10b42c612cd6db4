//go:build stack

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// journal reads along what the services tell Kafka, as another team would: the contact events of this run's tenants,
// and the dead letters.
type journal struct {
	run   string
	stop  context.CancelFunc
	ended chan error

	mu      sync.Mutex
	changed chan struct{} // closed and renewed with every record
	events  map[string][]event
	dead    []eventlog.Message
}

// event is one contact event.
type event struct {
	Kind     routingv1.ContactEvent_Kind
	Revision uint64
	State    routingv1.ContactState
}

func openJournal(ctx context.Context, w *world) (*journal, error) {
	j := &journal{run: w.run, changed: make(chan struct{}), events: map[string][]event{}, ended: make(chan error, 1)}
	cfg := eventlog.Config{Brokers: w.servers.Kafka, ClientID: w.run}
	g, err := eventlog.NewGroup(cfg, w.run, []string{topics.ContactEvents, topics.RoutingDeadLetter, topics.PresenceDeadLetter, topics.ProvisioningDeadLetter}, j.take)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	j.stop = stop
	go func() { j.ended <- g.Run(running) }()
	return j, nil
}

func (j *journal) close() error {
	j.stop()
	return <-j.ended
}

func (j *journal) take(_ context.Context, m eventlog.Message, done func(error)) {
	defer done(nil)
	j.mu.Lock()
	defer j.mu.Unlock()
	if m.Topic != topics.ContactEvents {
		j.dead = append(j.dead, m)
	} else if id, ok := strings.CutPrefix(m.Header(eventlog.HeaderSubject), "contact:"); ok && strings.HasPrefix(m.Header(eventlog.HeaderTenant), j.run) {
		e := &routingv1.ContactEvent{}
		if proto.Unmarshal(m.Value, e) != nil {
			return
		}
		revision, _ := strconv.ParseUint(m.Header(eventlog.HeaderRevision), 10, 64)
		j.events[id] = append(j.events[id], event{e.Kind, revision, e.Contact.GetState()})
	}
	close(j.changed)
	j.changed = make(chan struct{})
}

// story of a contact: the first appearance of each revision, in the order of appearance, without what only notes.
func (j *journal) story(contact string) (story []event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	seen := map[uint64]bool{}
	for _, e := range j.events[contact] {
		if !seen[e.Revision] && e.Kind != routingv1.ContactEvent_KIND_NOTED {
			story = append(story, e)
		}
		seen[e.Revision] = true
	}
	return story
}

// inOrder says whether first appearances are in the order of revisions, as the contract promises.
func (j *journal) inOrder(contact string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	highest := uint64(0)
	seen := map[uint64]bool{}
	for _, e := range j.events[contact] {
		if !seen[e.Revision] && e.Revision < highest {
			return fmt.Errorf("contact %s: revision %d.%d appears first after %d.%d", contact, e.Revision>>32, uint32(e.Revision), highest>>32, uint32(highest))
		}
		seen[e.Revision] = true
		highest = max(highest, e.Revision)
	}
	return nil
}

// ends counts the events that put a contact into a final state.
func (j *journal) ends(contact string) int {
	n := 0
	for _, e := range j.story(contact) {
		if e.State >= routingv1.ContactState_CONTACT_STATE_COMPLETED {
			n++
		}
	}
	return n
}

// await waits until the condition holds; it is asked after every record.
func (j *journal) await(ctx context.Context, holds func() bool) error {
	for {
		j.mu.Lock()
		changed := j.changed
		j.mu.Unlock()
		if holds() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// letter waits for a dead letter.
func (j *journal) letter(ctx context.Context, is func(m eventlog.Message) bool) (found eventlog.Message, err error) {
	err = j.await(ctx, func() bool {
		j.mu.Lock()
		defer j.mu.Unlock()
		i := slices.IndexFunc(j.dead, is)
		if i >= 0 {
			found = j.dead[i]
		}
		return i >= 0
	})
	return found, err
}

func kinds(story []event) (all []string) {
	for _, e := range story {
		all = append(all, strings.ToLower(strings.TrimPrefix(e.Kind.String(), "KIND_")))
	}
	return all
}
