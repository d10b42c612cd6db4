//go:build stack

package commit

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
)

// BenchmarkDo loads one record, changes it with an event, an index and a deadline, and drains its outbox into a log that
// answers at once.
func BenchmarkDo(b *testing.B) {
	for _, parallel := range []int{1, 4, 16, 64} {
		b.Run(fmt.Sprint("parallel-", parallel), func(b *testing.B) { benchmarkDo(b, parallel) })
	}
}

func benchmarkDo(b *testing.B, parallel int) {
	rdb := redis.NewClient(&redis.Options{Addr: address(b, "BUSYHOUR_REDIS"), PoolSize: 64})
	defer rdb.Close()
	tenant := fmt.Sprint("bench", parallel)
	s, err := Open(Config{Redis: rdb, Service: "shop", Tenants: []string{tenant}, Log: newMemoryLog(),
		Epochs: &memoryEpochs{newest: map[string]uint32{}}, Logger: zap.NewNop(), Registry: prometheus.NewRegistry()})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	if err := rdb.Del(ctx, MarkKey(tenant, "shop")).Err(); err != nil {
		b.Fatal(err)
	}
	builder, err := s.Begin(ctx, tenant, 1, "nonce")
	if err != nil {
		b.Fatal(err)
	}
	if err := builder.Open(ctx); err != nil {
		b.Fatal(err)
	}
	defer s.unlinkBelow(ctx, tenant, 2)
	value := make([]byte, 300)
	var n atomic.Int64
	b.SetParallelism(parallel)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			name := fmt.Sprint("cup:", n.Add(1)%5000)
			_, err := s.Do(ctx, tenant, "", func(ctx context.Context, tx *Tx) error {
				cup := tx.Record(name)
				if err := tx.Fetch(ctx); err != nil {
					return err
				}
				tx.Put(cup, value, &Event{Topic: "events", Key: name, Type: "cup", Data: value})
				tx.Add("shelf", name, 1)
				tx.Deadline(cup, tx.Now())
				return nil
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}
