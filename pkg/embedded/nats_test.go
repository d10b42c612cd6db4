package embedded

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

func TestNATSCarriesMessagesAndComesBackOnTheSameAddress(t *testing.T) {
	n, err := StartNATS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	roundTrip(t, n.URL)
	url := n.URL
	n.Stop()
	if _, err := nats.Connect(url); err == nil {
		t.Fatal("a stopped server took a connection")
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	if n.URL != url {
		t.Fatalf("address went from %s to %s over a restart", url, n.URL)
	}
	roundTrip(t, n.URL)
}

func roundTrip(t *testing.T, url string) {
	t.Helper()
	c, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := c.SubscribeSync("greetings")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Publish("greetings", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	m, err := s.NextMsg(10 * time.Second)
	if err != nil || string(m.Data) != "hello" {
		t.Fatalf("got %v, %v, want hello", m, err)
	}
}
