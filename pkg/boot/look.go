package boot

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

// Look makes the clients of somebody who only looks: unlike Connect it waits for nobody, and takes servers as they are.
// The caller closes Redis and NATS.
func Look(name string, c Common) (*Backends, error) {
	secure, err := c.Redis.TLS.client()
	if err != nil {
		return nil, err
	}
	b := &Backends{Pod: name, Tenants: c.Tenants, Log: zap.NewNop(), Redis: redis.NewUniversalClient(redisOptions(c.Redis, secure, name))}
	if b.Kafka, err = c.Kafka.Eventlog(name, b.Log, nil); err != nil {
		return nil, err
	}
	b.NATS, err = c.NATS.dial(name, b.Log, prometheus.NewRegistry())
	return b, err
}
