package rebuild

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// gapRetry is how long a gap that the log did not take waits to be told again.
const gapRetry = 5 * time.Second

// confess tells the log of decisions that are lost for good, if this pod knows of any, once the tenant is open again.
func (r *Recovery) confess(ctx context.Context, tenant string) {
	gap, ok, err := r.store.Forgotten(ctx, tenant)
	if err != nil {
		r.log.Warn("cannot tell yet whether decisions were lost with Redis; looking again", zap.String("tenant", tenant), zap.Error(err))
	}
	if !ok {
		return
	}
	r.metrics.gaps.Inc()
	r.log.Error("decisions were lost with Redis while Kafka was away; nothing that was acknowledged is missing",
		zap.String("tenant", tenant), zap.Time("from", gap.From), zap.Time("to", gap.To))
	if r.source.Gap != nil {
		r.tell(ctx, r.gapMessage(gap))
	}
}

// gapMessage has neither subject nor revision: it is about no record, and no marker can void it.
func (r *Recovery) gapMessage(gap commit.Gap) eventlog.Message {
	e := r.source.Gap(gap)
	return eventlog.Message{Topic: e.Topic, Key: []byte(e.Key), Value: e.Data, Headers: []eventlog.Header{
		{Key: eventlog.HeaderSpecVersion, Value: "1.0"},
		{Key: eventlog.HeaderID, Value: fmt.Sprintf("%s/gap/%d/%s", gap.Tenant, gap.Epoch, r.pod)},
		{Key: eventlog.HeaderSource, Value: "/busyhour/" + r.store.Service()},
		{Key: eventlog.HeaderType, Value: e.Type},
		{Key: eventlog.HeaderTime, Value: gap.To.UTC().Format(time.RFC3339Nano)},
		{Key: eventlog.HeaderContentType, Value: "application/protobuf"},
		{Key: eventlog.HeaderTenant, Value: gap.Tenant},
		{Key: eventlog.HeaderDataSchema, Value: e.Schema},
	}}
}

// tell goes on until the log has it, or this process ends.
func (r *Recovery) tell(ctx context.Context, m eventlog.Message) {
	r.producer.Produce(m, func(err error) {
		if err != nil && ctx.Err() == nil {
			time.AfterFunc(gapRetry, func() { r.tell(ctx, m) })
		}
	})
}
