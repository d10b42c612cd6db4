package doctor

import (
	"context"
	"sync"
	"time"

	"github.com/busyhour/busyhour/pkg/boot"
)

// Config says where to look.
type Config struct {
	// Common is the configuration that the services have.
	boot.Common
	// Ops are the operations ports of pods, http://host:port.
	Ops []string
	// Replication is how many replicas topics should have.
	Replication int16
}

// patience bounds the whole visit: a server that does not answer is a finding, and not a reason to wait.
const patience = 30 * time.Second

// Visit looks at everything.
func Visit(ctx context.Context, cfg Config) []Finding {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var f Findings
	b, err := boot.Look("busyhour-doctor", cfg.Common)
	if err != nil {
		f.about("configuration").fail("clients", "mend the configuration as it says", "%v", err)
		return f.All()
	}
	defer b.Redis.Close()
	defer b.NATS.Close()

	var looks sync.WaitGroup
	looks.Go(func() { lookAtRedis(ctx, f.about("redis"), b.Redis, cfg.Tenants) })
	looks.Go(func() { lookAtKafka(ctx, f.about("kafka"), b.Kafka, cfg.Replication) })
	looks.Go(func() { lookAtNATS(ctx, f.about("nats"), b.NATS, cfg.Tenants) })
	looks.Go(func() { lookAtPods(ctx, &f, cfg.Ops, cfg.Tenants) })
	looks.Wait()
	return f.All()
}
