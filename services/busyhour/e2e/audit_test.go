//go:build stack

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/operate"
)

// Somebody edits, deletes and rolls back records in Redis by hand, in all three services and in the midst of a call: each
// is found, named and healed, and the call goes on.
func TestWhatIsTamperedWithIsHealed(t *testing.T) {
	s := set(t, within(t, 3*time.Minute), "audit", nil, "ann", "bob")
	ann := s.desk("ann").available()
	s.desk("bob") // not available
	sw := s.dial("sw-1")
	c := s.call(sw)
	s.offered(c).accept(c)
	ann.shows(c.Contact, connected)
	must(t, sw.Stream().Settled(s.ctx))

	rdb := redis.NewClient(&redis.Options{Addr: w.servers.Redis[0], DB: w.servers.RedisDB})
	defer rdb.Close()
	began := time.Now()
	contact, presence, agent := s.key(fleet.Routing, "contact:"+c.Contact), s.key(fleet.Presence, "presence:bob"), s.key(fleet.Provisioning, "agent:ann")
	must(t, rdb.HSet(s.ctx, contact, "v", "nonsense").Err())
	must(t, rdb.HSet(s.ctx, agent, "r", 1).Err())
	must(t, rdb.Del(s.ctx, presence).Err())

	for _, service := range []string{fleet.Routing, fleet.Presence, fleet.Provisioning} {
		s.healed(service, 1)
		t.Logf("%s is healed after %s", service, time.Since(began).Round(100*time.Millisecond))
	}
	began = time.Now()
	must(t, rdb.Del(s.ctx, s.key(fleet.Routing, "workload:ann")).Err())
	s.healed(fleet.Routing, 2)
	t.Logf("what the agent holds is healed after %s", time.Since(began).Round(100*time.Millisecond))
	c.HangUp()
	ann.shows(c.Contact, wrapUp)
	ann.act(c.Contact, complete)
	s.ends(sw, c, completed, "queued", "offered", "offer_accepted", "connected", "healed", "ended", "completed")
}

// key of a record in the present epoch.
func (s *stage) key(service, record string) string {
	s.t.Helper()
	status, err := operate.Pod{URL: w.fleet.Of(service)[0].Ops()}.Statusz(s.ctx)
	must(s.t, err)
	for _, tenant := range status.Tenants {
		if tenant.Tenant == s.tenant {
			return commit.Key(s.tenant, service, tenant.Epoch, record)
		}
	}
	s.t.Fatalf("%s does not serve %s", service, s.tenant)
	return ""
}

// healed waits until the pods of the service have healed n records, and then has all records compared.
func (s *stage) healed(service string, n float64) {
	s.t.Helper()
	for s.divergences(service) < n {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-s.ctx.Done():
			s.t.Fatalf("%s has healed %g records of %g", service, s.divergences(service), n)
		}
	}
	v, err := operate.Pod{URL: w.fleet.Of(service)[0].Ops()}.Verify(s.ctx, s.tenant)
	must(s.t, err)
	if len(v.Divergences) > 0 {
		s.t.Errorf("%s: %d records still differ: %s", service, len(v.Divergences), fmt.Sprint(v.Divergences))
	}
}

func (s *stage) divergences(service string) (n float64) {
	s.t.Helper()
	for _, p := range w.fleet.Of(service) {
		healed, err := p.Metric(context.WithoutCancel(s.ctx), "busyhour_audit_healed_total", "result")
		must(s.t, err)
		n += healed["healed"]
	}
	return n
}
