// Package push tells whoever listens that the directory has changed, at once and at most once. Who misses a push reads
// the record, or the topic.
package push

import (
	"context"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/subjects"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// Publisher is what this package needs of the fan-out.
type Publisher interface {
	Publish(ctx context.Context, subject string, data []byte) error
}

// Push tells of directory entries.
type Push struct {
	to  Publisher
	log *zap.Logger
}

// New makes a Push.
func New(to Publisher, log *zap.Logger) *Push { return &Push{to: to, log: log} }

// Entry tells of an entry that was committed. A push that fails is no failure of the commit.
func (p *Push) Entry(ctx context.Context, record string, e *directory.Entry) {
	data, err := proto.Marshal(e)
	if err == nil {
		err = p.to.Publish(ctx, subjects.Directory(e.GetTenant(), state.Entity(record)), data)
	}
	if err != nil {
		p.log.Debug("directory entry not pushed", zap.String("tenant", e.GetTenant()), zap.String("record", record), zap.Error(err))
	}
}
