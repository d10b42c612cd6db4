package flow

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
)

// routing owns what agents have in hand.
const routing = "call-routing"

// Note is what a person should know of an item that was applied: who is deactivated finishes what they have in hand.
func (f *Flow) Note(ctx context.Context, r *provisioningv1.Request) string {
	if r.GetItem().GetKind() != provisioningv1.Item_KIND_DEACTIVATE_AGENT {
		return ""
	}
	held, err := f.inHand(ctx, r.GetTenant(), r.GetItem().GetAgent().GetId())
	switch {
	case err != nil:
		return "whether they have a contact in hand could not be seen; one that they have they finish"
	case held > 0:
		return fmt.Sprintf("takes effect after what they have in hand: %d", held)
	}
	return ""
}

// inHand counts an agent's contacts. Provisioning works without call-routing, and so does not insist.
func (f *Flow) inHand(ctx context.Context, tenant, id string) (n int, err error) {
	_, err = f.store.Read(ctx, tenant, func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Foreign(routing, "workload:"+id)
		if err := tx.Fetch(ctx); err != nil || !r.Exists() {
			return err
		}
		w := &routingv1.Workload{}
		err := proto.Unmarshal(r.Value, w)
		n = len(w.GetCards())
		return err
	})
	return n, err
}
