package boot

import (
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/fanout"
)

// Look makes the clients of somebody who only looks: unlike Connect it waits for nobody, and takes servers as they are.
// The caller closes Redis and NATS.
func Look(name string, c Common) (*Backends, error) {
	b := &Backends{Pod: name, Tenants: c.Tenants, Log: zap.NewNop(), Redis: redis.NewUniversalClient(redisOptions(c.Redis, name))}
	b.Kafka = eventlog.Config{Brokers: c.Kafka.Brokers, ClientID: name, Version: c.Kafka.Version, Logger: b.Log}
	var err error
	b.NATS, err = fanout.Dial(fanout.Config{URL: c.NATS.URL, Name: name, Logger: b.Log})
	return b, err
}
