package state

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
)

// EntryEnded is until when the log keeps a deleted agent or queue; zero if it is not deleted.
func EntryEnded(m eventlog.Message) (time.Time, []byte, error) {
	e := &provisioningv1.DirectoryEntry{}
	if err := read(m, e); err != nil || !e.GetDeleted() {
		return time.Time{}, nil, err
	}
	return e.GetAt().AsTime().Add(job.Keep), m.Value, nil
}

// JobEnded is until when the log keeps an item or a job. Both have an end from the beginning.
func JobEnded(m eventlog.Message) (time.Time, []byte, error) {
	if IsItem(m.Header(eventlog.HeaderSubject)) {
		o := &provisioningv1.Outcome{}
		err := read(m, o)
		return o.GetAt().AsTime().Add(job.Keep), m.Value, err
	}
	j := &provisioningv1.Job{}
	err := read(m, j)
	return j.GetCreatedAt().AsTime().Add(job.Keep), m.Value, err
}

func read(m eventlog.Message, into proto.Message) error {
	if err := proto.Unmarshal(m.Value, into); err != nil {
		return fmt.Errorf("event at %s/%d@%d is not a %s: %w", m.Topic, m.Partition, m.Offset, into.ProtoReflect().Descriptor().Name(), err)
	}
	return nil
}
