package bulk

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// told is one event of the log: of an item, that it ended in some way; of an agent, what became of it.
type told struct {
	record   string // "item:<job>/<n>", "agent:<id>"
	revision string // the same event told again has the same one
	what     string // the outcome, or the last but one word of the type
}

// onceFinal checks that each item has been told to have ended exactly once, and nothing of items that nobody asked for.
func onceFinal(c *Check, items []string, events []told) {
	by := distinct(events)
	for _, item := range items {
		c.Looked++
		if got := by[item]; len(got) != 1 || !slices.Contains(finals, got[0].what) {
			c.find("%s was told to have ended %d times: %s", item, len(got), listed(got))
		}
		delete(by, item)
	}
	for record, got := range by {
		if strings.HasPrefix(record, "item:") {
			c.find("%s is of no job that is known: %s", record, listed(got))
		}
	}
}

// onceCreated checks that each agent was created once, and never touched again.
func onceCreated(c *Check, agents []string, events []told) {
	by := distinct(events)
	for _, id := range agents {
		c.Looked++
		if got := by["agent:"+id]; len(got) != 1 || got[0].what != "created" {
			c.find("agent %s: %d changes in the directory, should be one that creates it: %s", id, len(got), listed(got))
		}
	}
}

// finals are the ends that an item can have.
var finals = []string{"APPLIED", "FAILED", "CANCELLED"}

// distinct events by record; what was told again at the same revision is one.
func distinct(events []told) map[string][]told {
	by := map[string][]told{}
	for _, e := range events {
		if !slices.ContainsFunc(by[e.record], func(o told) bool { return o.revision == e.revision }) {
			by[e.record] = append(by[e.record], e)
		}
	}
	return by
}

func listed(events []told) string {
	if len(events) == 0 {
		return "never"
	}
	var words []string
	for _, e := range events {
		words = append(words, e.what+" at "+e.revision)
	}
	return strings.Join(words, ", ")
}

// readOutcomes of a tenant's items.
func readOutcomes(ctx context.Context, kafka eventlog.Config, tenant string) ([]told, error) {
	return readTold(ctx, kafka, topics.Outcomes, tenant, "item:", func(m eventlog.Message, _ eventlog.CloudEvent) (string, error) {
		o := &provisioningv1.Outcome{}
		err := proto.Unmarshal(m.Value, o)
		return strings.TrimPrefix(o.Outcome.String(), "ITEM_OUTCOME_"), err
	})
}

// readAgents is what became of a tenant's agents.
func readAgents(ctx context.Context, kafka eventlog.Config, tenant string) ([]told, error) {
	return readTold(ctx, kafka, topics.DirectoryEvents, tenant, "agent:", func(_ eventlog.Message, e eventlog.CloudEvent) (string, error) {
		words := strings.Split(e.Type, ".")
		return words[max(len(words)-2, 0)], nil
	})
}

func readTold(ctx context.Context, kafka eventlog.Config, topic, tenant, prefix string, what func(eventlog.Message, eventlog.CloudEvent) (string, error)) ([]told, error) {
	var mu sync.Mutex
	var all []told
	err := eventlog.ReadTopic(ctx, kafka, topic, nil, nil, func(m eventlog.Message) error {
		if m.Header(eventlog.HeaderTenant) != tenant || !strings.HasPrefix(m.Header(eventlog.HeaderSubject), prefix) {
			return nil // another's, or a marker of an epoch
		}
		e, err := eventlog.ParseCloudEvent(&m)
		if err != nil {
			return fmt.Errorf("%s/%d@%d: %w", topic, m.Partition, m.Offset, err)
		}
		did, err := what(m, e)
		if err != nil {
			return fmt.Errorf("%s: %w", e.ID(), err)
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, told{record: e.Record, revision: fmt.Sprintf("%d.%d", e.Epoch, e.N), what: did})
		return nil
	})
	return all, err
}
