package eventlog

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/tlsfiles"
)

// Config says how to reach Kafka.
type Config struct {
	Brokers []string
	// ClientID names this process to the brokers, in their logs and quotas.
	ClientID string
	// Logger and Registry may be nil.
	Logger   *zap.Logger
	Registry prometheus.Registerer
	// Version of the protocol to speak, at most the cluster's; "" is 3.6.0.
	Version string
	// TLS makes the connections; nil: in the clear.
	TLS *tlsfiles.Client
	// SASL says who we are.
	SASL SASL
}

const (
	defaultVersion = "3.6.0"
	// metadataAge is how old what a client knows of its topics may be. A group looks for partitions to share out as often, so
	// those that a topic has grown by have a consumer within twice this time.
	metadataAge = 5 * time.Second
)

func (c Config) logger() *zap.Logger {
	if c.Logger == nil {
		return zap.NewNop()
	}
	return c.Logger
}

// client has what all clients share. Each user of Kafka here has clients of its own, for the brokers answer one request
// a connection at a time: behind somebody's long poll everything else waits.
func (c Config) client() (*sarama.Config, error) {
	if len(c.Brokers) == 0 {
		return nil, errors.New("no Kafka brokers are given")
	}
	version, err := sarama.ParseKafkaVersion(cmp.Or(c.Version, defaultVersion))
	if err != nil {
		return nil, fmt.Errorf("Kafka protocol version %q: %w", c.Version, err)
	}
	s := sarama.NewConfig()
	s.ClientID = cmp.Or(c.ClientID, "busyhour")
	s.Version = version
	s.Net.DialTimeout = 3 * time.Second
	s.Net.ReadTimeout = 10 * time.Second
	s.Net.WriteTimeout = 10 * time.Second
	if c.TLS != nil { // by a dialer of our own, for sarama would stay with the first certificate it is given
		s.Net.Proxy.Enable, s.Net.Proxy.Dialer = true, secure{c.TLS, s.Net.DialTimeout}
	}
	if err := c.SASL.set(s); err != nil {
		return nil, err
	}
	s.Metadata.Full = false
	s.Metadata.AllowAutoTopicCreation = false
	s.Metadata.RefreshFrequency = metadataAge
	s.Metadata.Retry.Max = 5
	s.Metadata.Retry.Backoff = 100 * time.Millisecond
	return s, nil
}

// Reachable reports whether a broker answers; nil means that clients can be made.
func Reachable(c Config) error {
	s, err := c.client()
	if err != nil {
		return err
	}
	s.Metadata.Full = true // else making a client asks nobody
	s.Metadata.Retry.Max = 0
	client, err := sarama.NewClient(c.Brokers, s)
	if err != nil {
		return err
	}
	return client.Close()
}

func (c Config) forProducer() (*sarama.Config, error) {
	s, err := c.client()
	if err != nil {
		return nil, err
	}
	s.ChannelBufferSize = maxInFlight
	s.Net.MaxOpenRequests = 1 // the idempotent producer asks for it
	s.Producer.RequiredAcks = sarama.WaitForAll
	s.Producer.Idempotent = true
	s.Producer.Timeout = 5 * time.Second
	s.Producer.Retry.Max = 30 // sarama's own 3 × 100 ms is shorter than any leader election
	s.Producer.Retry.BackoffFunc = sarama.NewExponentialBackoff(50*time.Millisecond, time.Second)
	s.Producer.Return.Successes = true
	s.Producer.Return.Errors = true
	s.Producer.Partitioner = new(limits).partitioner
	return s, nil
}

func (c Config) forWriter(id string) (*sarama.Config, error) {
	s, err := c.forProducer()
	if err != nil {
		return nil, err
	}
	s.ChannelBufferSize = 256
	s.Producer.Retry.Max = 8 // about 5 s: a writer that gives up costs little, its partition is taken anew
	s.Producer.Transaction.ID = id
	s.Producer.Transaction.Timeout = transactionTimeout
	s.Producer.Transaction.Retry.Max = 250
	s.Producer.Transaction.Retry.Backoff = 20 * time.Millisecond // until the transaction before has ended on every broker
	return s, nil
}

func (c Config) forGroup() (*sarama.Config, error) {
	s, err := c.client()
	if err != nil {
		return nil, err
	}
	s.ChannelBufferSize = 1024
	s.Consumer.Fetch.Min = 1
	s.Consumer.MaxWaitTime = 500 * time.Millisecond
	s.Consumer.MaxProcessingTime = 500 * time.Millisecond
	s.Consumer.Retry.BackoffFunc = rising(50*time.Millisecond, time.Second)
	s.Consumer.Return.Errors = true
	s.Consumer.IsolationLevel = sarama.ReadCommitted
	s.Consumer.Offsets.Initial = sarama.OffsetOldest
	s.Consumer.Offsets.AutoCommit.Interval = 500 * time.Millisecond
	s.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond // a rebalance begins with a heartbeat: this is its pause
	s.Consumer.Group.Session.Timeout = 6 * time.Second
	s.Consumer.Group.Rebalance.Timeout = 10 * time.Second
	s.Consumer.Group.Rebalance.Retry.Backoff = 200 * time.Millisecond
	s.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyCooperativeSticky()}
	return s, nil
}

// rising gives back-off times that double from the first to the highest.
func rising(first, highest time.Duration) func(retries int) time.Duration {
	return func(retries int) time.Duration {
		return min(first<<min(max(retries-1, 0), 16), highest)
	}
}
