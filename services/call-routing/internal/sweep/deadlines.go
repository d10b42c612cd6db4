package sweep

import (
	"context"
	"strings"

	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// deadlines moves every contact whose time is up.
func (s *Sweep) deadlines(ctx context.Context, tenant string) error {
	for {
		due, err := s.store.Claim(ctx, tenant, deadlinesLimit)
		if err != nil {
			return err
		}
		for _, d := range due {
			if state.IsContact(d.Name) {
				s.flow.Expire(ctx, tenant, state.ContactID(d.Name))
			} else if id, is := strings.CutPrefix(d.Name, state.Boot("")); is {
				s.flow.ForgetSwitch(ctx, tenant, id)
			}
		}
		if len(due) < deadlinesLimit {
			return nil
		}
	}
}

// wishes tells switches again what they have not taken.
func (s *Sweep) wishes(ctx context.Context, tenant string) error {
	for {
		n, err := s.flow.Resend(ctx, tenant, wishesLimit)
		if err != nil || n < wishesLimit {
			return err
		}
	}
}
