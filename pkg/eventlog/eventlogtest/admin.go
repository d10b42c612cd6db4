package eventlogtest

import (
	"testing"

	"github.com/IBM/sarama"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

// Grow gives a topic more partitions.
func Grow(t *testing.T, cfg eventlog.Config, topic string, partitions int32) {
	t.Helper()
	if err := admin(t, cfg).CreatePartitions(topic, partitions, nil, false); err != nil {
		t.Fatal(err)
	}
}

// DeleteBefore deletes what stands before the offsets, by partition, as retention would.
func DeleteBefore(t *testing.T, cfg eventlog.Config, topic string, offsets []int64) {
	t.Helper()
	before := map[int32]int64{}
	for p, offset := range offsets {
		before[int32(p)] = offset
	}
	if err := admin(t, cfg).DeleteRecords(topic, before); err != nil {
		t.Fatal(err)
	}
}

func admin(t *testing.T, cfg eventlog.Config) sarama.ClusterAdmin {
	t.Helper()
	conf := sarama.NewConfig()
	conf.Version = sarama.V3_6_0_0
	a, err := sarama.NewClusterAdmin(cfg.Brokers, conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}
