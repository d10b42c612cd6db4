package command

import (
	"context"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/subjects"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/fanout"
	"github.com/busyhour/busyhour/services/agent-presence/internal/agent"
	"github.com/busyhour/busyhour/services/agent-presence/internal/flow"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
)

// maxStandDown is how long one agent may hold up the next; whoever is left out, the sweep finds.
const maxStandDown = 5 * time.Second

// Directory hears whom the directory deactivates, and ends their availability. Each push goes to one pod.
type Directory struct {
	store *commit.Store
	flow  *flow.Flow
	nats  *fanout.Conn
	log   *zap.Logger
}

// NewDirectory makes a Directory.
func NewDirectory(store *commit.Store, flow *flow.Flow, nats *fanout.Conn, log *zap.Logger) *Directory {
	return &Directory{store: store, flow: flow, nats: nats, log: log}
}

// Run listens until ctx ends.
func (d *Directory) Run(ctx context.Context) error {
	news, err := d.nats.QueueSubscribe(subjects.EveryDirectory(), state.Service, d.hear)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return news.Close()
}

func (d *Directory) hear(ctx context.Context, subject string, data []byte) {
	m := &provisioningv1.DirectoryEntry{}
	if err := proto.Unmarshal(data, m); err != nil {
		d.log.Warn("a directory push cannot be read; the sweep finds what it said", zap.String("subject", subject), zap.Error(err))
		return
	}
	if _, open := d.store.Verified(m.Tenant); open && m.GetAgent().GetDeactivated() {
		d.standDown(ctx, m.Tenant, m.GetAgent().Id)
	}
}

func (d *Directory) standDown(ctx context.Context, tenant, id string) {
	ctx, cancel := context.WithTimeout(ctx, maxStandDown)
	defer cancel()
	if _, err := d.flow.Do(ctx, tenant, id, "", agent.StandDown{}); err != nil {
		d.log.Warn("a deactivated agent may still be shown as available; the next sweep tries again",
			zap.String("tenant", tenant), zap.String("agent", id), zap.Error(err))
	}
}
