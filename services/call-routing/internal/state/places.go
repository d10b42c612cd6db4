package state

import (
	"time"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
	"github.com/busyhour/busyhour/services/call-routing/internal/match"
)

// Place is a contact's place in an index.
type Place struct {
	Index string
	Score float64
}

// Places are where a contact stands. The commit writes the difference of two such lists, and recovery the whole list, so
// both come to the same.
func Places(c *routingv1.Contact) []Place {
	if c == nil {
		return nil
	}
	var places []Place
	created := ms(c.CreatedAt.AsTime())
	if !contact.Final(c.State) {
		places = append(places, Place{Live, created})
	}
	if !contact.Final(c.State) || c.Wanted != nil {
		places = append(places, Place{Switch(c.SwitchId), created})
	}
	if c.State == routingv1.ContactState_CONTACT_STATE_QUEUED {
		places = append(places, Place{Waiting(c.QueueId), match.Order(c)})
	}
	if contact.InHand(c.State) {
		places = append(places, Place{InHand(c.QueueId), ms(c.Reservation.GetOfferedAt().AsTime())})
	}
	return places
}

func ms(t time.Time) float64 { return float64(t.UnixMilli()) }
