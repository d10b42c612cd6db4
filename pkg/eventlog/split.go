package eventlog

import (
	"errors"
	"time"

	"github.com/IBM/sarama"
)

// splitClient gives a consumer group two connections to a broker: one that fetches, one for the coordinator. sarama
// would use one for both, and a broker answers one request a connection at a time; so every heartbeat and commit would
// wait behind an idle fetch, and every fetch of a kept partition behind a JoinGroup that waits for the other members.
type splitClient struct {
	sarama.Client
	coordinator sarama.Client
}

func newSplitClient(brokers []string, fetching *sarama.Config) (*splitClient, error) {
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
	return &splitClient{Client: fetcher, coordinator: coordinator}, nil
}

func (s *splitClient) Coordinator(group string) (*sarama.Broker, error) {
	return s.coordinator.Coordinator(group)
}

func (s *splitClient) RefreshCoordinator(group string) error {
	return s.coordinator.RefreshCoordinator(group)
}

func (s *splitClient) Close() error {
	return errors.Join(s.coordinator.Close(), s.Client.Close())
}
