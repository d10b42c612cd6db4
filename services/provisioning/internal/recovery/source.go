// Package recovery says how the directory and the jobs come back from the log, and puts what has no outcome back into
// the stream.
package recovery

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/busyhour/busyhour/api/events"
	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// Source is how provisioning is rebuilt. Pending items are no events; Requeue makes them again from the requests.
func Source() rebuild.Source {
	return rebuild.Source{
		Topics: []rebuild.Topic{entries(), jobs()},
		// An event carries the very bytes that the commit stored.
		Value:  func(m eventlog.Message) ([]byte, error) { return m.Value, nil },
		Derive: derive,
		Gap:    gap,
		Logged: state.Logged,
	}
}

// entries are the agents and queues. A deleted one is kept as long as an item that may name it.
func entries() rebuild.Topic {
	return rebuild.Topic{
		Events: topics.DirectoryEvents, State: topics.Directory, Ended: state.EntryEnded,
		Key: state.EntryKey,
		EventKey: func(tenant, record string) (string, bool) {
			return state.EntryKey(tenant, record), state.IsEntry(record)
		},
	}
}

// jobs are items and jobs. An item has its first event when it ends, so the log may know it from any revision on; and
// its events have the agent for a key, which its name does not say.
func jobs() rebuild.Topic {
	return rebuild.Topic{
		Events: topics.Outcomes, State: topics.JobState, Sparse: true, Ended: state.JobEnded,
		Key: func(tenant, record string) string { return tenant + "/" + record },
	}
}

func derive(b *rebuild.Build) error {
	for i := range b.Records {
		if err := state.Restore(b, &b.Records[i]); err != nil {
			return err
		}
	}
	return nil
}

// gap says that history is missing.
func gap(g commit.Gap) commit.Event {
	data, _ := proto.Marshal(&commonv1.Gap{ // numbers, times and a name that came from Redis always marshal
		Tenant: g.Tenant, Epoch: g.Epoch, From: timestamppb.New(g.From), To: timestamppb.New(g.To),
	})
	return commit.Event{Topic: topics.Outcomes, Key: g.Tenant, Type: events.ProvisioningGap, Schema: events.SchemaGap, Data: data}
}
