package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

// owner is a member of a group that hands its partition to the test.
type owner struct {
	owned chan *eventlog.Owned
	stop  func()
}

func (h harness) owner(group, topic string) owner {
	h.t.Helper()
	o := owner{owned: make(chan *eventlog.Owned, 10)}
	g, err := eventlog.NewOwnerGroup(h.cfg, group, []string{topic}, func(ctx context.Context, p *eventlog.Owned) error {
		o.owned <- p
		<-ctx.Done()
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	o.stop = h.start(g.Run)
	return o
}

func (h harness) writer(id string) *eventlog.Writer {
	h.t.Helper()
	w, err := eventlog.OpenWriter(h.cfg, id)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { w.Close() })
	return w
}

func (h harness) committed(group, topic string) []int64 {
	h.t.Helper()
	offsets, err := eventlog.CommittedOffsets(h.ctx, h.cfg, group, topic)
	if err != nil {
		h.t.Fatal(err)
	}
	return offsets
}

func (h harness) texts(topic string) (texts []string) {
	h.t.Helper()
	for _, m := range h.read(topic, 1)[0] {
		texts = append(texts, string(m.Value))
	}
	return texts
}

func text(s string) []eventlog.Message {
	return []eventlog.Message{{Key: []byte("k"), Value: []byte(s)}}
}

// What was consumed and what was made of it are committed together, and the next owner begins there.
func transaction(t *testing.T, h harness) {
	source, target, group := h.topic("source", 1), h.topic("target", 1), h.name("owners")
	h.send(h.producer(), eventlog.Message{Topic: source, Value: []byte("a")}, eventlog.Message{Topic: source, Value: []byte("b")})
	if got := h.committed(group, source); got[0] != -1 {
		t.Errorf("a group that never was has committed %v", got)
	}
	first := h.owner(group, source)
	p := receive(h, first.owned, "the partition")
	if p.Committed() != -1 {
		t.Errorf("the first owner is to begin at %d", p.Committed())
	}
	taken := p.Take(h.ctx, 1, time.Minute)
	w := h.writer(h.name("id"))
	offsets, err := w.Write(p.Consumed(taken[0].Offset+1), target, 0, append(text("a1"), text("a2")...))
	if err != nil || len(offsets) != 2 || offsets[0] != 0 || offsets[1] != 1 {
		t.Fatalf("written at %v, %v", offsets, err)
	}
	if got := h.committed(group, source); got[0] != 1 {
		t.Errorf("committed %v, want 1", got)
	}
	if _, err := w.Write(p.Consumed(2), target, 0, nil); err != nil { // nothing came of b
		t.Fatal(err)
	}
	first.stop()
	second := receive(h, h.owner(group, source).owned, "the partition")
	if second.Committed() != 2 {
		t.Errorf("the second owner is to begin at %d, want 2", second.Committed())
	}
	if got := fmt.Sprint(h.texts(target)); got != "[a1 a2]" {
		t.Errorf("the target has %s", got)
	}
}

// A process that was stopped, lost its partition and wakes up must not write behind its successor.
func laterWriterWins(t *testing.T, h harness) {
	source, target, group := h.topic("source", 1), h.topic("target", 1), h.name("owners")
	p := receive(h, h.owner(group, source).owned, "the partition")
	zombie := h.writer(h.name("id"))
	if _, err := zombie.Write(p.Consumed(0), target, 0, text("7")); err != nil {
		t.Fatal(err)
	}
	successor := h.writer(h.name("id"))
	if _, err := successor.Write(p.Consumed(0), target, 0, text("9")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := zombie.Write(p.Consumed(0), target, 0, text("8")); err == nil {
			t.Fatal("the earlier writer wrote after the later one")
		}
	}
	if _, err := successor.Write(p.Consumed(0), target, 0, text("10")); err != nil {
		t.Errorf("the later writer can't go on: %v", err)
	}
	if got := fmt.Sprint(h.texts(target)); got != "[7 9 10]" {
		t.Errorf("the target has %s", got)
	}
}

func fencedIsSaid(t *testing.T, h harness) {
	source, target := h.topic("source", 1), h.topic("target", 1)
	p := receive(h, h.owner(h.name("owners"), source).owned, "the partition")
	zombie := h.writer(h.name("id"))
	h.must(zombie.Write(p.Consumed(0), target, 0, text("7")))
	h.writer(h.name("id"))
	if _, err := zombie.Write(p.Consumed(0), target, 0, text("8")); !errors.Is(err, eventlog.ErrFenced) {
		t.Errorf("the earlier writer fails with %v", err)
	}
}

// A member of an older generation may have lost the partition: its transaction is given up, also under an id of its own.
func oldGenerationLoses(t *testing.T, h harness) {
	source, target, group := h.topic("source", 1), h.topic("target", 1), h.name("owners")
	p := receive(h, h.owner(group, source).owned, "the partition")
	w := h.writer(h.name("id"))
	old := p.Consumed(5)
	old.Generation--
	if _, err := w.Write(old, target, 0, text("old")); !errors.Is(err, eventlog.ErrGeneration) {
		t.Fatalf("an old generation fails with %v", err)
	}
	stranger := p.Consumed(5)
	stranger.Member = "somebody"
	if _, err := w.Write(stranger, target, 0, text("strange")); !errors.Is(err, eventlog.ErrGeneration) {
		t.Fatalf("a stranger fails with %v", err)
	}
	if got := h.committed(group, source); got[0] != -1 {
		t.Errorf("committed %v", got)
	}
	if _, err := w.Write(p.Consumed(3), target, 0, text("new")); err != nil {
		t.Fatalf("the writer can't go on: %v", err)
	}
	if got := fmt.Sprint(h.texts(target)); got != "[new]" {
		t.Errorf("the target has %s", got)
	}
}

// Recovery must see what a transaction wrote whose offset is visible already and whose end has not reached the topic.
func uncommittedRead(t *testing.T, h harness) {
	source, target, group := h.topic("source", 1), h.topic("target", 1), h.name("owners")
	p := receive(h, h.owner(group, source).owned, "the partition")
	w := h.writer(h.name("id"))
	h.must(w.Write(p.Consumed(1), target, 0, text("in")))
	old := p.Consumed(2)
	old.Generation--
	if _, err := w.Write(old, target, 0, text("given up")); !errors.Is(err, eventlog.ErrGeneration) {
		t.Fatal(err)
	}
	r, err := eventlog.OpenReader(h.ctx, h.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for uncommitted, want := range map[bool]string{false: "[in]", true: "[in given up]"} {
		var got []string
		span := eventlog.Span{From: eventlog.Oldest, To: eventlog.Newest, Uncommitted: uncommitted}
		h.must(nil, r.Read(h.ctx, target, 0, span, func(m eventlog.Message) error {
			got = append(got, string(m.Value))
			return nil
		}))
		if fmt.Sprint(got) != want {
			t.Errorf("uncommitted %v reads %v, want %s", uncommitted, got, want)
		}
	}
}
