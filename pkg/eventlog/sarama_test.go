package eventlog_test

import (
	"testing"

	"github.com/IBM/sarama"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

func deleteTopic(t *testing.T, cfg eventlog.Config, name string) {
	t.Helper()
	admin, err := sarama.NewClusterAdmin(cfg.Brokers, sarama.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.DeleteTopic(name); err != nil {
		t.Fatal(err)
	}
}
