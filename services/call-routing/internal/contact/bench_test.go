package contact

import (
	"testing"
	"time"
)

// BenchmarkDecide is one decision on a contact with a card's worth of data.
func BenchmarkDecide(b *testing.B) {
	w := newWorld()
	now := day.Add(12 * time.Hour)
	for _, line := range [][]string{{"call", "offered", "#1"}, {"offer", "anna"}} {
		cmd, err := command(line)
		if err != nil {
			b.Fatal(err)
		}
		w.do(cmd, now)
	}
	cmd := Command{Verb: Accept, Agent: "anna"}
	at := w.at(now, cmd)
	b.ReportAllocs()
	for b.Loop() {
		if c, err := Decide(w.contact, cmd, at); c == nil || err != nil {
			b.Fatal(c, err)
		}
	}
}
