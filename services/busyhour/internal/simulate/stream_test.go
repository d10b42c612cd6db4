package simulate

import (
	"testing"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
)

func TestASwitchRefusesALowerEpochAndAnOlderRevision(t *testing.T) {
	var heard []string
	s := NewStream(StreamConfig{Heard: func(c *routingv1.SwitchCommand) { heard = append(heard, text(number(c.Wanted.Revision))) }})
	wish := func(contact string, epoch, n uint32) *routingv1.SwitchCommand {
		return &routingv1.SwitchCommand{ContactId: contact, Wanted: &routingv1.Wanted{Revision: rev(epoch, n)}}
	}
	s.wish(wish("a", 7, 2))
	s.wish(wish("a", 7, 1))
	s.reign(8)
	s.wish(wish("a", 7, 3))
	s.wish(wish("b", 7, 1)) // decided in an epoch that was forgotten
	s.wish(wish("b", 8, 1))
	if len(heard) != 2 || heard[0] != "7.2" || heard[1] != "8.1" {
		t.Errorf("obeyed %v", heard)
	}
}
