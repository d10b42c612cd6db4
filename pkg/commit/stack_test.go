//go:build stack

package commit

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

func TestPromisesOnRedis(t *testing.T) {
	rdb := redis.NewClient(&redis.Options{Addr: address(t, "BUSYHOUR_REDIS")})
	t.Cleanup(func() { rdb.Close() })
	keepPromises(t, rdb)
}

func TestPromisesOnRedisCluster(t *testing.T) {
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: strings.Split(address(t, "BUSYHOUR_REDIS_CLUSTER"), ",")})
	t.Cleanup(func() { rdb.Close() })
	keepPromises(t, rdb)
}

func address(t testing.TB, name string) string {
	t.Helper()
	a := os.Getenv(name)
	if a == "" {
		t.Fatalf("%s is not set: run `scripts/stack up` and source .stack/env", name)
	}
	return a
}

func TestInterleavingsOnRedis(t *testing.T) {
	rdb := redis.NewClient(&redis.Options{Addr: address(t, "BUSYHOUR_REDIS")})
	t.Cleanup(func() { rdb.Close() })
	checkInterleavings(t, rdb)
}

func TestInterleavingsOnRedisCluster(t *testing.T) {
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: strings.Split(address(t, "BUSYHOUR_REDIS_CLUSTER"), ",")})
	t.Cleanup(func() { rdb.Close() })
	checkInterleavings(t, rdb)
}

// Several pods on real Redis and real Kafka; the broker's answer is lost for some events, and some never reach it.
func TestInterleavingOnRedisAndKafka(t *testing.T) {
	rdb := redis.NewClient(&redis.Options{Addr: address(t, "BUSYHOUR_REDIS")})
	t.Cleanup(func() { rdb.Close() })
	kafka := eventlog.Config{
		Brokers: strings.Split(address(t, "BUSYHOUR_KAFKA"), ","), ClientID: "commit-test", Logger: zap.NewNop(), Registry: prometheus.NewRegistry(),
	}
	topic := fmt.Sprintf("commit-test.%d", time.Now().UnixNano())
	plan := []eventlog.TopicSpec{{Name: topic, Partitions: 3, Cleanup: "delete", Retention: time.Hour}}
	if _, err := eventlog.Ensure(t.Context(), kafka, plan, 1); err != nil {
		t.Fatal(err)
	}
	producer, err := eventlog.NewProducer(kafka)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { producer.Close() })

	i := newInterleaving(t, rdb, topic)
	i.torn.Log = toTopic{producer, topic}
	i.firsts = func(record string) []Revision { return firstsInTopic(t, kafka, topic, record) }
	pods := make([][]step, 6)
	for p := range pods {
		for range 150 {
			pods[p] = append(pods[p], step{Lamp: rand.IntN(4), Lit: rand.IntN(2) == 0, Op: rand.IntN(200), Torn: rand.IntN(6) == 0})
		}
	}
	i.play(pods).verify(t)
}

// toTopic sends everything to one topic.
type toTopic struct {
	*eventlog.Producer
	topic string
}

func (l toTopic) Produce(m eventlog.Message, done func(error)) {
	m.Topic = l.topic
	l.Producer.Produce(m, done)
}

func firstsInTopic(t *testing.T, cfg eventlog.Config, topic, record string) (firsts []Revision) {
	t.Helper()
	var mu sync.Mutex
	seen := map[Revision]bool{}
	err := eventlog.ReadTopic(t.Context(), cfg, topic, nil, nil, func(m eventlog.Message) error {
		mu.Lock()
		defer mu.Unlock()
		r := RevisionOf(number(m.Header("ce_revision")))
		if m.Header("ce_subject") == record && !seen[r] {
			seen[r] = true
			firsts = append(firsts, r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return firsts
}
