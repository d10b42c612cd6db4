package rebuild

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/busyhour/busyhour/pkg/commit"
)

// Somebody edits Redis by hand, in every way there is; each is found and named.
func TestVerifyNamesWhatWasTamperedWith(t *testing.T) {
	cfg, cache := servers(t)
	s := openShop(t, cfg, cache)
	defer s.stop()
	for _, cup := range []string{"edited", "deleted", "rolled-back", "advanced", "left-alone"} {
		s.put("", cup, "one")
		s.durable(s.put("", cup, "two"))
	}
	epoch, _ := s.store.Verified(tenant)
	if v := s.verify(); len(v.Divergences) != 0 || v.Records != 6 || v.Logged != 5 { // and what was derived
		t.Fatalf("before anybody tampered: %+v", v)
	}

	rdb := redis.NewClient(&redis.Options{Addr: cache.Addr})
	defer rdb.Close()
	key := func(name string) string { return commit.Key(tenant, "shop", epoch, name) }
	revision := func(n uint32) uint64 { return commit.Revision{Epoch: epoch, N: n}.Number() }
	rdb.HSet(t.Context(), key("edited"), "v", "TWO")
	rdb.Del(t.Context(), key("deleted"))
	rdb.HSet(t.Context(), key("rolled-back"), "r", revision(1), "v", "one")
	rdb.HSet(t.Context(), key("advanced"), "r", revision(3), "v", "three")
	rdb.HSet(t.Context(), key("invented"), "r", revision(1), "o", "", "v", "one")

	var got []string
	for _, d := range s.verify().Divergences {
		got = append(got, fmt.Sprintf("%s %s at %d, log %d", d.Record, d.Cause, d.Redis.N, d.Log.N))
	}
	want := []string{"advanced ahead at 3, log 2", "deleted missing at 0, log 2", "edited altered at 2, log 2", "invented unknown at 1, log 0", "rolled-back behind at 1, log 2"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func (s *shop) verify() *Verification {
	s.Helper()
	v, err := s.recovery.Verify(s.Context(), tenant)
	if err != nil {
		s.Fatal(err)
	}
	return v
}
