// Package push tells routing and screens what has changed, at once and at most once. Whoever misses a push finds out by
// its revision.
package push

import (
	"context"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/api/subjects"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

// Publisher is what this package needs of the fan-out.
type Publisher interface {
	Publish(ctx context.Context, subject string, data []byte) error
}

// Push tells of presences.
type Push struct {
	to  Publisher
	log *zap.Logger
}

// New makes a Push.
func New(to Publisher, log *zap.Logger) *Push { return &Push{to: to, log: log} }

// Presence tells of a presence that was committed. A push that fails is no failure of the commit: heartbeats and
// resyncs bring it, later.
func (p *Push) Presence(ctx context.Context, presence *presencev1.Presence, revision, previous commit.Revision) {
	data, err := proto.Marshal(&presencev1.PresencePush{
		Revision: state.Revision(revision), Previous: state.Revision(previous), Presence: presence,
	})
	if err == nil {
		err = p.to.Publish(ctx, subjects.Presence(presence.Tenant, presence.AgentId), data)
	}
	if err != nil {
		p.log.Debug("presence not pushed", zap.String("tenant", presence.Tenant), zap.String("agent", presence.AgentId), zap.Error(err))
	}
}
