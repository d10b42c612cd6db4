package eventlog

import (
	"testing"

	"github.com/busyhour/busyhour/pkg/embedded"
)

// With one connection for both, a group's heartbeats, commits and joins wait behind its long polls: see DESIGN.md.
func TestGroupTalksToItsCoordinatorOnAConnectionOfItsOwn(t *testing.T) {
	k, err := embedded.StartKafka("", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	cfg := Config{Brokers: []string{k.Addr}}
	if _, err := Ensure(t.Context(), cfg, []TopicSpec{{Name: "commands", Partitions: 1, Cleanup: "delete", Retention: 1}}, 1); err != nil {
		t.Fatal(err)
	}
	conf, err := cfg.forGroup()
	if err != nil {
		t.Fatal(err)
	}
	client, err := newSplitClient(cfg.Brokers, conf)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	leader, err := client.Leader("commands", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.RefreshCoordinator("readers"); err != nil {
		t.Fatal(err)
	}
	coordinator, err := client.Coordinator("readers")
	if err != nil {
		t.Fatal(err)
	}
	if leader.Addr() != coordinator.Addr() {
		t.Fatalf("leader %s and coordinator %s are the same broker here", leader.Addr(), coordinator.Addr())
	}
	if leader == coordinator {
		t.Error("fetches and the coordinator share a connection")
	}
}
