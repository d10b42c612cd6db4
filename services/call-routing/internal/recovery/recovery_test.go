package recovery

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/contact"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// A stub may stand in Redis for longer than in the log, for its deadline moved with every closure: nothing is wrong then.
func TestTheLogForgetsStubs(t *testing.T) {
	ended := time.UnixMilli(1_700_000_000_000)
	over := ended.Add(contact.StubFor)
	record := func(s routingv1.ContactState) *commit.Record {
		value, err := state.Encode(&routingv1.Contact{Id: "c", State: s, Since: timestamppb.New(ended)})
		if err != nil {
			t.Fatal(err)
		}
		return &commit.Record{Name: state.Contact("c"), Revision: commit.Revision{Epoch: 1, N: 1}, Value: value}
	}
	completed := record(routingv1.ContactState_CONTACT_STATE_COMPLETED)
	defaced := &commit.Record{Name: state.Contact("c"), Revision: commit.Revision{Epoch: 1, N: 1}, Value: []byte("nonsense")}
	for _, c := range []struct {
		what string
		r    *commit.Record
		at   time.Time
		want bool
	}{
		{"a stub", completed, over.Add(-time.Second), true},
		{"a stub that is over", completed, over.Add(time.Second), false},
		{"a contact that lives", record(routingv1.ContactState_CONTACT_STATE_CONNECTED), over.Add(time.Hour), true},
		{"one that cannot be read", defaced, over.Add(time.Hour), true},
		{"a workload", &commit.Record{Name: state.Workload("ann"), Revision: commit.Revision{Epoch: 1, N: 1}}, ended, false},
	} {
		if got := logged(c.r, c.at); got != c.want {
			t.Errorf("%s: the log must know it: %t", c.what, got)
		}
	}
}
