package desktop

import (
	"context"
	"strings"
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// hear takes what is pushed about the agent.
func (d *desk) hear(_ context.Context, subject string, data []byte) {
	var err error
	switch {
	case strings.HasSuffix(subject, ".workload"):
		err = d.hearWorkload(data)
	case strings.HasSuffix(subject, ".presence"):
		err = d.hearPresence(data)
	default:
		return // told of agents, but not to screens
	}
	if err != nil {
		d.server.metrics.badPushes.Inc()
		d.server.log.Warn("push not understood", append(d.fields(), zap.String("subject", subject), zap.Error(err))...)
	}
}

func (d *desk) hearWorkload(data []byte) error {
	p := &routingv1.WorkloadPush{}
	if err := proto.Unmarshal(data, p); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	known := d.workload.revision
	if known.N > 0 && state.RevisionOf(p.Revision).Newer(known) && state.RevisionOf(p.Previous) != known {
		d.server.metrics.gaps.Inc()
	}
	d.seeWorkload(p.Workload, state.RevisionOf(p.Revision), moments{momentOf(p.At), momentOf(p.SignalAt)})
	return nil
}

func momentOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func (d *desk) hearPresence(data []byte) error {
	p := &presencev1.PresencePush{}
	if err := proto.Unmarshal(data, p); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seePresence(p.Presence, state.RevisionOf(p.Revision))
	return nil
}
