package sweep

import (
	"context"
	"slices"

	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/call-routing/internal/state"
)

// placesSize is how many contacts are compared in one script.
const placesSize = 100

// Places walks the stored contacts and puts those back whose deadline or place in an index is gone. Indexes follow from
// records; but a deadline that nobody can find is a card that stays.
func (s *Sweep) Places(ctx context.Context, tenant string) error {
	return s.store.Walk(ctx, tenant, func(part []commit.Stored) error {
		var names []string
		for _, r := range part {
			if state.IsContact(r.Name) {
				names = append(names, r.Name)
			}
		}
		for some := range slices.Chunk(names, placesSize) {
			n, err := s.flow.Mend(ctx, tenant, some)
			if err != nil {
				return err
			}
			if n > 0 {
				s.replaced.Add(float64(n))
				s.log.Warn("contacts had lost their deadline or their place in an index, and have it again: who edits Redis by hand?",
					zap.String("tenant", tenant), zap.Int("contacts", n))
			}
		}
		return nil
	})
}
