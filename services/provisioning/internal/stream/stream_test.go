package stream

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/refusal"
)

var acme = Namespace{"acme", 7, provisioningv1.Priority_PRIORITY_NORMAL}

// opened is a stream on a server whose tenant acme is open in epoch 7.
func opened(t *testing.T) (*Stream, redis.UniversalClient) {
	t.Helper()
	server, err := embedded.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { client.Close() })
	if err := client.HSet(t.Context(), acme.mark(), "epoch", 7, "open", 1).Err(); err != nil {
		t.Fatal(err)
	}
	return New(client, []string{"acme"}), client
}

func (s *Stream) take(t *testing.T, consumer string) []Entry {
	t.Helper()
	var entries []Entry
	for range 2 { // the first may only have made the group
		more, err := s.Read(t.Context(), acme, consumer, 10)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, more...)
	}
	return entries
}

func items(entries []Entry) (names []string) {
	for _, e := range entries {
		names = append(names, e.Item)
	}
	return names
}

func TestAnItemIsQueuedOnceUntilItIsDone(t *testing.T) {
	s, _ := opened(t)
	for range 2 {
		if err := s.Enqueue(t.Context(), acme, "item:j/1", "item:j/2", "item:j/1"); err != nil {
			t.Fatal(err)
		}
	}
	entries := s.take(t, "w1")
	if got := fmt.Sprint(items(entries)); got != "[item:j/1 item:j/2]" {
		t.Fatalf("read %s", got)
	}
	if err := s.Enqueue(t.Context(), acme, "item:j/1"); err != nil {
		t.Fatal(err)
	}
	if again := s.take(t, "w2"); len(again) != 0 {
		t.Errorf("read %v while w1 has it", again)
	}
	for _, e := range entries {
		if err := s.Done(t.Context(), acme, e); err != nil {
			t.Fatal(err)
		}
	}
	if st, err := s.Standing(t.Context(), acme); err != nil || st.Length != 0 {
		t.Errorf("standing %v, %v, want an empty stream", st, err)
	}
	if err := s.Enqueue(t.Context(), acme, "item:j/1"); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(items(s.take(t, "w2"))); got != "[item:j/1]" {
		t.Errorf("after it was done, read %s", got)
	}
}

func TestADeadWorkersEntriesAreTakenOver(t *testing.T) {
	s, _ := opened(t)
	if err := s.Enqueue(t.Context(), acme, "item:j/1"); err != nil {
		t.Fatal(err)
	}
	s.take(t, "dead")
	if early, err := s.Claim(t.Context(), acme, "w2", 10, time.Hour); err != nil || len(early) != 0 {
		t.Errorf("claimed %v, %v from a worker that may be alive", early, err)
	}
	claimed, err := s.Claim(t.Context(), acme, "w2", 10, 0)
	if err != nil || fmt.Sprint(items(claimed)) != "[item:j/1]" {
		t.Errorf("claimed %v, %v", claimed, err)
	}
}

func TestALostStreamIsMadeAgain(t *testing.T) {
	s, client := opened(t)
	if err := s.Enqueue(t.Context(), acme, "item:j/1"); err != nil {
		t.Fatal(err)
	}
	s.take(t, "w1")
	if err := client.Del(t.Context(), acme.stream()).Err(); err != nil {
		t.Fatal(err)
	}
	if got := s.take(t, "w1"); len(got) != 0 {
		t.Errorf("read %v from a stream that is gone", got)
	}
	if claimed, err := s.Claim(t.Context(), acme, "w1", 10, 0); err != nil || len(claimed) != 0 {
		t.Errorf("claimed %v, %v", claimed, err)
	}
	if err := s.Enqueue(t.Context(), acme, "item:j/1"); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(items(s.take(t, "w1"))); got != "[item:j/1]" {
		t.Errorf("queued again, read %s", got)
	}
}

func TestNothingIsWrittenIntoAnotherEpoch(t *testing.T) {
	s, client := opened(t)
	for _, n := range []Namespace{{"acme", 6, acme.Priority}, {"acme", 8, acme.Priority}, {"else", 7, acme.Priority}} {
		if no, _ := refusal.As(s.Enqueue(t.Context(), n, "item:j/1")); no == nil || no.Code != refusal.Unavailable {
			t.Errorf("%v: queued", n)
		}
		if _, err := s.Read(t.Context(), n, "w1", 1); err == nil {
			t.Errorf("%v: read", n)
		}
	}
	if err := client.HSet(t.Context(), acme.mark(), "open", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Enqueue(t.Context(), acme, "item:j/1"); err == nil {
		t.Error("queued while closed")
	}
	if keys := client.Keys(t.Context(), "*stream*").Val(); len(keys) != 0 {
		t.Errorf("left behind %v", keys)
	}
}

func TestConsumersThatAreGoneAreRemoved(t *testing.T) {
	s, client := opened(t)
	if err := s.Tidy(t.Context(), acme, 0); err != nil {
		t.Errorf("without a stream: %v", err)
	}
	if err := s.Enqueue(t.Context(), acme, "item:j/1"); err != nil {
		t.Fatal(err)
	}
	s.take(t, "busy")
	s.take(t, "gone")
	if err := s.Tidy(t.Context(), acme, -1); err != nil {
		t.Fatal(err)
	}
	left := client.XInfoConsumers(t.Context(), acme.stream(), group).Val()
	if len(left) != 1 || left[0].Name != "busy" {
		t.Errorf("left %v, want the one that holds an entry", left)
	}
}

func TestAnItemThatIsPutOffComesLast(t *testing.T) {
	s, _ := opened(t)
	if err := s.Enqueue(t.Context(), acme, "item:j/1", "item:j/2"); err != nil {
		t.Fatal(err)
	}
	first := s.take(t, "w1")[0]
	if err := s.Again(t.Context(), acme, first); err != nil {
		t.Fatal(err)
	}
	if err := s.Enqueue(t.Context(), acme, "item:j/1"); err != nil {
		t.Fatal(err)
	}
	back := s.take(t, "w1")
	if got := fmt.Sprint(items(back)); got != "[item:j/1]" {
		t.Fatalf("read %s, want it once, and again", got)
	}
	if err := s.Done(t.Context(), acme, back[0]); err != nil {
		t.Fatal(err)
	}
	if err := s.Again(t.Context(), acme, back[0]); err != nil {
		t.Fatal(err)
	}
	if got := s.take(t, "w1"); len(got) != 0 {
		t.Errorf("read %v, though it was done", got)
	}
}

func TestEachPriorityHasAStreamOfItsOwn(t *testing.T) {
	s, _ := opened(t)
	urgent := Namespace{acme.Tenant, acme.Epoch, provisioningv1.Priority_PRIORITY_URGENT}
	if err := s.Enqueue(t.Context(), urgent, "item:j/1"); err != nil {
		t.Fatal(err)
	}
	if got := s.take(t, "w1"); len(got) != 0 {
		t.Errorf("read %v, which is another's", got)
	}
	select {
	case <-s.Added("acme", acme.Priority):
		t.Error("told of another's")
	default:
	}
	select {
	case <-s.Added("acme", urgent.Priority):
	default:
		t.Error("not told of their own")
	}
}

func TestWhoTouchesAnEntryKeepsIt(t *testing.T) {
	s, client := opened(t)
	if err := s.Enqueue(t.Context(), acme, "item:j/1"); err != nil {
		t.Fatal(err)
	}
	e := s.take(t, "w1")[0]
	touched := func(consumer string) bool {
		t.Helper()
		mine, err := s.Touch(t.Context(), acme, consumer, e)
		if err != nil {
			t.Fatal(err)
		}
		return mine
	}
	if touched("w2") || !touched("w1") {
		t.Error("it is the first's")
	}
	if claimed, err := s.Claim(t.Context(), acme, "w2", 10, time.Hour); err != nil || len(claimed) != 0 {
		t.Errorf("claimed %v, %v from one that is alive", claimed, err)
	}
	if claimed, err := s.Claim(t.Context(), acme, "w2", 10, 0); err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %v, %v", claimed, err)
	}
	if touched("w1") || !touched("w2") {
		t.Error("it is the second's by now")
	}
	if err := s.Done(t.Context(), acme, e); err != nil {
		t.Fatal(err)
	}
	if touched("w2") {
		t.Error("it is gone")
	}
	if err := client.Del(t.Context(), acme.stream()).Err(); err != nil {
		t.Fatal(err)
	}
	if touched("w2") {
		t.Error("the stream is gone")
	}
}
