package simulate

import (
	"testing"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

func numbers(batch []*routingv1.Signal) (n []uint64) {
	for _, s := range batch {
		n = append(n, s.Number)
	}
	return n
}

func filled(n uint64) *window {
	w := newWindow()
	for i := range n {
		w.add(Sent{Signal: &routingv1.Signal{Number: i + 1}})
	}
	return &w
}

func TestWindowSendsInOrderAndOnce(t *testing.T) {
	w := filled(5)
	first, batch, again := w.take(3)
	if first != 1 || len(batch) != 3 || again != 0 {
		t.Fatalf("first batch at %d: %v, %d again", first, numbers(batch), again)
	}
	first, batch, again = w.take(3)
	if first != 4 || len(batch) != 2 || again != 0 {
		t.Fatalf("second batch at %d: %v, %d again", first, numbers(batch), again)
	}
	if _, batch, _ := w.take(3); len(batch) != 0 {
		t.Fatalf("a third batch: %v", numbers(batch))
	}
}

func TestWindowSendsAgainWhatIsNotAcknowledged(t *testing.T) {
	w := filled(5)
	w.take(4)
	if done := w.acknowledge(2); len(done) != 2 || done[1].Signal.Number != 2 {
		t.Fatalf("acknowledged %v", done)
	}
	if from := w.resume(); from != 3 {
		t.Fatalf("resumes from %d", from)
	}
	first, batch, again := w.take(10)
	if first != 3 || len(batch) != 3 || again != 2 {
		t.Fatalf("after the resume, at %d: %v, %d again", first, numbers(batch), again)
	}
	if w.acknowledge(5); !w.empty() {
		t.Fatal("not empty though everything is acknowledged")
	}
}

func TestWindowTakesNoAckForWhatItNeverSent(t *testing.T) {
	w := filled(3)
	w.take(1)
	if done := w.acknowledge(3); len(done) != 1 {
		t.Fatalf("%d acknowledged of 1 sent", len(done))
	}
	if done := w.acknowledge(1); done != nil {
		t.Fatalf("acknowledged twice: %v", done)
	}
	if _, ok := w.at(1); ok {
		t.Fatal("position 1 is still there")
	}
	if s, ok := w.at(3); !ok || s.Signal.Number != 3 {
		t.Fatalf("position 3 holds %v", s.Signal)
	}
}
