package state

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// Whatever its outcome, none included, somebody will look at an item again; and at a job, accepted or broken off.
func TestEverythingFallsDue(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	for n, name := range provisioningv1.ItemOutcome_name {
		o := &provisioningv1.Outcome{Outcome: provisioningv1.ItemOutcome(n), At: timestamppb.New(at)}
		if due := ItemDeadline(o); !due.After(at) {
			t.Errorf("%s falls due at %s", name, due)
		}
	}
	for _, j := range []*provisioningv1.Job{{CreatedAt: timestamppb.New(at)}, {CreatedAt: timestamppb.New(at), AcceptedAt: timestamppb.New(at)}} {
		if due := JobDeadline(j); !due.After(at) {
			t.Errorf("%v falls due at %s", j, due)
		}
	}
}
