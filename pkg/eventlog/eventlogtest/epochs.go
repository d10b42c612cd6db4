package eventlogtest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

func (h harness) epochLog(topic string) *eventlog.EpochLog {
	h.t.Helper()
	e, err := eventlog.OpenEpochLog(h.cfg, topic)
	if err != nil {
		h.t.Fatal(err)
	}
	h.start(e.Run)
	if err := e.Ready(h.ctx); err != nil {
		h.t.Fatal(err)
	}
	return e
}

func confirmSeesForeignEpoch(t *testing.T, h harness) {
	topic := h.topic("epochs", 1)
	mine, theirs := h.epochLog(topic), h.epochLog(topic)
	for range 20 {
		epoch, err := theirs.Take(h.ctx, []string{"acme"}, 1, "theirs")
		h.must(nil, err)
		h.must(nil, mine.Confirm(h.ctx))
		if got := mine.Newest("acme"); got != epoch {
			t.Fatalf("after Confirm the newest epoch is %d, want %d", got, epoch)
		}
	}
	if got := mine.Newest("nobody"); got != 0 {
		t.Errorf("a tenant without epochs has %d", got)
	}
}

func concurrentTakers(t *testing.T, h harness) {
	topic := h.topic("takers", 1)
	const takers, each = 4, 5
	taken := make(chan uint32, takers*each)
	var all sync.WaitGroup
	for i := range takers {
		e := h.epochLog(topic)
		all.Go(func() {
			last := uint32(0)
			for n := range each {
				// The same floor for all, far above the offsets: the numbers would collide if the offset alone decided.
				epoch, err := e.Take(h.ctx, []string{"acme", "umbrella"}, 1000, fmt.Sprintf("%d/%d", i, n))
				if err != nil {
					t.Error(err)
					return
				}
				if epoch <= last {
					t.Errorf("taker %d got %d after %d", i, epoch, last)
				}
				last = epoch
				taken <- epoch
			}
		})
	}
	all.Wait()
	close(taken)
	var epochs []uint32
	for epoch := range taken {
		epochs = append(epochs, epoch)
	}
	slices.Sort(epochs)
	if len(slices.Compact(slices.Clone(epochs))) != takers*each {
		t.Errorf("an epoch was taken twice: %v", epochs)
	}
}

func epochFloor(t *testing.T, h harness) {
	e := h.epochLog(h.topic("floor", 1))
	for _, c := range []struct {
		tenant      string
		floor, want uint32
	}{{"acme", 1, 1}, {"acme", 500, 500}, {"acme", 3, 501}, {"umbrella", 1, 3}} {
		epoch, err := e.Take(h.ctx, []string{c.tenant}, c.floor, "n")
		h.must(nil, err)
		if epoch != c.want {
			t.Errorf("with floor %d %s got epoch %d, want %d", c.floor, c.tenant, epoch, c.want)
		}
	}
}

func epochsAgree(t *testing.T, h harness) {
	topic := h.topic("agree", 1)
	first := h.epochLog(topic)
	for _, floor := range []uint32{1, 100, 7} {
		_, err := first.Take(h.ctx, []string{"acme", "umbrella"}, floor, "n")
		h.must(nil, err)
	}
	type told struct {
		tenant string
		epoch  uint32
	}
	heard := make(chan told, 100)
	late, err := eventlog.OpenEpochLog(h.cfg, topic)
	h.must(nil, err)
	late.OnEpoch(func(tenant string, epoch uint32) { heard <- told{tenant, epoch} })
	h.start(late.Run)
	h.must(nil, late.Ready(h.ctx))
	if a, b := first.Newest("acme"), late.Newest("acme"); a != b || a != 101 {
		t.Errorf("the taker knows %d, a late reader %d, want 101", a, b)
	}
	close(heard)
	last := map[string]uint32{}
	for h := range heard {
		if h.epoch <= last[h.tenant] {
			t.Errorf("%s was told %d after %d", h.tenant, h.epoch, last[h.tenant])
		}
		last[h.tenant] = h.epoch
	}
	if last["acme"] != 101 || last["umbrella"] != 101 {
		t.Errorf("told %v, want 101 for both", last)
	}
}

func fence(t *testing.T, h harness) {
	topic, p := h.topic("fenced", 3), h.producer()
	event := func(tenant, record string, epoch uint32) eventlog.Message {
		e := eventlog.CloudEvent{Service: "test", Tenant: tenant, Record: record, Epoch: epoch, N: 1, Type: "test.v1"}
		return eventlog.Message{Topic: topic, Key: []byte(record), Value: []byte("x"), Headers: e.Headers()}
	}
	for n := range 30 { // before the fence both epochs count
		h.send(p, event("acme", fmt.Sprintf("before:%d", n), 4), event("acme", fmt.Sprintf("before:%d", n), 5))
	}
	ends, err := eventlog.FenceTopic(h.ctx, p, eventlog.Fence{
		Topic: topic, Marker: eventlog.Marker{Tenants: []string{"acme"}, Epoch: 5, Nonce: "nonce"},
	})
	h.must(nil, err)
	for n := range 30 { // behind it, epoch 4 of acme does not; nor does it concern the other tenant
		h.send(p, event("acme", fmt.Sprintf("behind:%d", n), 4), event("acme", fmt.Sprintf("behind:%d", n), 5),
			event("umbrella", fmt.Sprintf("other:%d", n), 1))
	}
	counted := map[string]int{}
	for partition, messages := range h.read(topic, 3) {
		var v eventlog.Voider
		for _, m := range messages {
			if v.Void(m) {
				continue
			}
			e, err := eventlog.ParseCloudEvent(&m)
			h.must(nil, err)
			counted[fmt.Sprintf("%s epoch %d", e.Record[:6], e.Epoch)]++
		}
		if marker, ok, err := eventlog.ParseMarker(messages[slices.IndexFunc(messages, func(m eventlog.Message) bool {
			return m.Offset == ends[partition]
		})]); !ok || err != nil || marker.Epoch != 5 || marker.Nonce != "nonce" {
			t.Errorf("at offset %d of partition %d stands %+v, %v, want the marker", ends[partition], partition, marker, err)
		}
	}
	want := map[string]int{"before epoch 4": 30, "before epoch 5": 30, "behind epoch 5": 30, "other: epoch 1": 30}
	if fmt.Sprint(counted) != fmt.Sprint(want) {
		t.Errorf("counted %v, want %v", counted, want)
	}
	read := 0
	err = eventlog.ReadTopic(h.ctx, h.cfg, topic, nil, ends, func(m eventlog.Message) error {
		if m.Partition == 0 {
			read++
		}
		return nil
	})
	if err != nil || read != int(ends[0])+1 {
		t.Errorf("read %d of partition 0 up to its marker at %d, %v", read, ends[0], err)
	}
}
