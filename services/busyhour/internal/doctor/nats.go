package doctor

import (
	"context"
	"time"

	"github.com/busyhour/busyhour/api/subjects"
	"github.com/busyhour/busyhour/pkg/fanout"
)

const (
	oldestNATS = "2.10"
	// What the largest push takes, with room.
	largestPush = 256 << 10
	// nobody can be an agent's id.
	nobody = "_doctor"
)

func lookAtNATS(ctx context.Context, a about, conn *fanout.Conn, tenants []string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := conn.Server(ctx)
	if err != nil {
		a.fail("connection", "bring it back, or mend nats.url; are its TLS, its account and a network policy right?", "no answer: %v", err)
		return
	}
	if level := grade(s.RoundTrip, 10*time.Millisecond, 100*time.Millisecond); level == OK {
		a.ok("round trip", "%s", s.RoundTrip.Round(10*time.Microsecond))
	} else {
		a.add(level, "round trip", s.RoundTrip.Round(time.Millisecond).String(), "every card is later by it: run NATS near the pods")
	}
	if older(s.Version, oldestNATS) {
		a.warn("version", "update it to "+oldestNATS+" or later", "%s", s.Version)
	} else {
		a.ok("version", "%s", s.Version)
	}
	if s.MaxPayload < largestPush {
		a.warn("max_payload", "raise it to 256 KB at least: large workloads are not pushed", "%d bytes", s.MaxPayload)
	}
	for _, tenant := range tenants {
		tellThrough(ctx, a, conn, tenant)
	}
}

// tellThrough pushes to nobody, and listens for it: permissions and routes between servers show.
func tellThrough(ctx context.Context, a about, conn *fanout.Conn, tenant string) {
	check := "push, tenant " + tenant
	heard := make(chan struct{}, 1)
	sub, err := conn.Subscribe(subjects.Agent(tenant, nobody), func(context.Context, string, []byte) {
		select {
		case heard <- struct{}{}:
		default:
		}
	})
	if err != nil {
		a.fail(check, "allow subscriptions to busyhour.v1.>", "%v", err)
		return
	}
	defer sub.Close()
	if err := conn.Publish(ctx, subjects.Workload(tenant, nobody), nil); err != nil {
		a.fail(check, "allow publishing to busyhour.v1.>", "%v", err)
		return
	}
	select {
	case <-heard:
		a.ok(check, "arrives")
	case <-time.After(time.Second):
		a.fail(check, "allow this user to publish and subscribe to busyhour.v1.>", "does not arrive (%v)", conn.Refused())
	case <-ctx.Done():
		a.fail(check, "look at the server", "%v", ctx.Err())
	}
}
