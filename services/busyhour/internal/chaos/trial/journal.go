package trial

import (
	"context"
	"sync"
	"time"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/history"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/stage"
)

// told are the topics in which the services say what has happened.
var told = []string{topics.ContactEvents, topics.AgentEvents, topics.DirectoryEvents, topics.Outcomes, topics.RoutingEpochs, topics.PresenceEpochs, topics.ProvisioningEpochs}

// journal reads along what Kafka is told, as another team would; each record is written down once.
type journal struct {
	kafka eventlog.Config
	to    *history.Recorder
	began time.Time

	mu   sync.Mutex
	seen map[string][]int64 // topic → by partition, the next offset
}

func newJournal(s *stage.Stage, to *history.Recorder, began time.Time) *journal {
	return &journal{
		kafka: eventlog.Config{Brokers: []string{s.Kafka.Door}, ClientID: stage.Harness},
		to:    to, began: began, seen: map[string][]int64{},
	}
}

// run reads until ctx ends.
func (j *journal) run(ctx context.Context) error {
	g, err := eventlog.NewGroup(j.kafka, stage.Harness, told, func(_ context.Context, m eventlog.Message, done func(error)) {
		j.take(m)
		done(nil)
	})
	if err != nil {
		return err
	}
	return g.Run(ctx)
}

// finish reads what is missing, when nobody writes any more.
func (j *journal) finish(ctx context.Context) error {
	for _, topic := range told {
		if err := eventlog.ReadTopic(ctx, j.kafka, topic, nil, nil, func(m eventlog.Message) error { j.take(m); return nil }); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) take(m eventlog.Message) {
	if !j.news(m) {
		return
	}
	e := history.EventOf(m, j.began)
	j.to.Record(history.Record{Event: &e})
}

// news says whether the record was not taken yet; within a partition they come in order.
func (j *journal) news(m eventlog.Message) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	next := j.seen[m.Topic]
	for int(m.Partition) >= len(next) {
		next = append(next, 0)
	}
	j.seen[m.Topic] = next
	if m.Offset < next[m.Partition] {
		return false
	}
	next[m.Partition] = m.Offset + 1
	return true
}
