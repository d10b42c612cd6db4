package recovery

import (
	"bytes"
	"strings"
	"testing"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
)

// What comes back from the log has the very bytes that the commit stored: the auditor compares them.
func TestTheLogGivesBackTheStoredBytes(t *testing.T) {
	p := &presencev1.Presence{AgentId: "ann", Tenant: "demo", Status: presencev1.Status_STATUS_BREAK, Reason: "lunch",
		Screens: []*presencev1.Screen{{Id: "s-1", Pod: "a"}}, QueueIds: []string{"sales"}, RequestIds: []string{"r-1"}}
	stored, err := state.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	event, err := state.Encode(&presencev1.PresenceEvent{Kind: presencev1.PresenceEvent_KIND_STATUS_CHANGED, Presence: p})
	if err != nil {
		t.Fatal(err)
	}
	got, err := value(eventlog.Message{Value: event})
	if err != nil || !bytes.Equal(got, stored) {
		t.Errorf("got %x, %v; stored %x", got, err, stored)
	}
}

func TestWhatIsNoEventIsSaid(t *testing.T) {
	for text, data := range map[string][]byte{"not a PresenceEvent": []byte("\xff"), "without a presence": {}} {
		if _, err := value(eventlog.Message{Value: data}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%x: %v", data, err)
		}
	}
}
