package consume

import (
	"errors"
	"time"

	"github.com/IBM/sarama"
)

// Settings is how this package uses sarama. Change what your cluster asks for, TLS and SASL for instance, and put it into
// Config.Kafka.
func Settings() *sarama.Config {
	s := sarama.NewConfig()
	s.ClientID = "busyhour-consume"
	s.Version = sarama.V3_6_0_0
	s.Net.DialTimeout = 3 * time.Second
	s.Net.ReadTimeout = 10 * time.Second
	s.Net.WriteTimeout = 10 * time.Second
	s.Net.MaxOpenRequests = 1 // the idempotent producer asks for it
	s.Metadata.Full = false
	s.Metadata.AllowAutoTopicCreation = false
	s.Metadata.RefreshFrequency = time.Minute // how soon it is seen that a topic has grown
	s.ChannelBufferSize = 1024

	s.Consumer.MaxWaitTime = 500 * time.Millisecond
	s.Consumer.MaxProcessingTime = 500 * time.Millisecond
	s.Consumer.Retry.BackoffFunc = rising(50*time.Millisecond, time.Second) // sarama's own 2 s is a pause at every change of leaders
	s.Consumer.Return.Errors = true
	s.Consumer.IsolationLevel = sarama.ReadCommitted
	s.Consumer.Offsets.Initial = sarama.OffsetOldest
	s.Consumer.Offsets.AutoCommit.Interval = 500 * time.Millisecond
	s.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond // a rebalance begins with a heartbeat: this is its pause
	s.Consumer.Group.Session.Timeout = 10 * time.Second
	s.Consumer.Group.Rebalance.Timeout = 30 * time.Second
	s.Consumer.Group.Rebalance.Retry.Backoff = 200 * time.Millisecond
	s.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyCooperativeSticky()}

	s.Producer.RequiredAcks = sarama.WaitForAll
	s.Producer.Idempotent = true
	s.Producer.Timeout = 5 * time.Second
	s.Producer.Retry.Max = 30 // sarama's own 3 × 100 ms is shorter than any leader election
	s.Producer.Retry.BackoffFunc = sarama.NewExponentialBackoff(50*time.Millisecond, time.Second)
	s.Producer.Return.Successes = true
	s.Producer.Partitioner = sarama.NewMurmur2Partitioner // as Java does, and we
	return s
}

// rising gives back-off times that double from the first to the highest.
func rising(first, highest time.Duration) func(tries int) time.Duration {
	return func(tries int) time.Duration { return min(first<<min(max(tries-1, 0), 16), highest) }
}

// split gives a group two connections to a broker: one that fetches, one for the coordinator. sarama would use one for
// both, and a broker answers one request a connection at a time: heartbeats and commits would wait behind an idle fetch,
// and the fetches of partitions that stay behind a rebalance.
type split struct {
	sarama.Client
	coordinator sarama.Client
}

func newSplit(brokers []string, fetching *sarama.Config) (*split, error) {
	coordinating := *fetching
	// A JoinGroup may rightly take as long as the slowest member.
	coordinating.Net.ReadTimeout = fetching.Consumer.Group.Rebalance.Timeout + 5*time.Second
	coordinator, err := sarama.NewClient(brokers, &coordinating)
	if err != nil {
		return nil, err
	}
	fetcher, err := sarama.NewClient(brokers, fetching)
	if err != nil {
		return nil, errors.Join(err, coordinator.Close())
	}
	return &split{Client: fetcher, coordinator: coordinator}, nil
}

func (s *split) Coordinator(group string) (*sarama.Broker, error) {
	return s.coordinator.Coordinator(group)
}

func (s *split) RefreshCoordinator(group string) error {
	return s.coordinator.RefreshCoordinator(group)
}

func (s *split) Close() error { return errors.Join(s.coordinator.Close(), s.Client.Close()) }
