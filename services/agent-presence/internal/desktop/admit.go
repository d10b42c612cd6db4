package desktop

import (
	"context"
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/pkg/edge"
)

// A session lasts as long as its token. A screen that wants to stay sends another in time.

// admit asks whether the token may be this agent's screen. It is for the goroutine that reads.
func (s *screen) admit(ctx context.Context, token string, in *presencev1.LogIn) error {
	who, err := edge.Admit(ctx, token, in)
	if err != nil {
		return err
	}
	s.who = who
	if who != nil {
		s.until(who.Expires)
	}
	return nil
}

// until ends the session at that time; zero: not because of a token.
func (s *screen) until(end time.Time) {
	if s.ends != nil {
		s.ends.Stop()
		s.ends = nil
	}
	if !end.IsZero() {
		s.ends = time.AfterFunc(time.Until(end), func() { s.close(edge.CloseUnauthenticated, "TOKEN_EXPIRED") })
	}
}

// renew goes on with another token. One that is no good changes nothing.
func (s *screen) renew(ctx context.Context, m *presencev1.Renew) error {
	return s.admit(ctx, m.Token, &presencev1.LogIn{Tenant: s.desk.key.tenant, AgentId: s.desk.key.agent})
}
