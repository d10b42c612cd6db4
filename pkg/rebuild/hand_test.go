package rebuild

import (
	"context"
	"slices"
	"testing"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/refusal"
)

func TestAPersonRebuildsAnOpenTenant(t *testing.T) {
	cfg, cache := servers(t)
	s := openShop(t, cfg, cache)
	defer s.stop()
	first, _ := s.store.Verified(tenant)
	s.durable(s.put("op1", "cup:1", "full"))
	if err := s.recovery.Rebuild(t.Context(), tenant); err != nil {
		t.Fatal(err)
	}
	epoch, open := s.store.Verified(tenant)
	if !open || epoch <= first {
		t.Fatalf("epoch %d, open %v after epoch %d", epoch, open, first)
	}
	if value, _, revision := s.get("cup:1"); value != "full" || revision != (commit.Revision{Epoch: first, N: 1}) {
		t.Errorf("cup:1 came back as %q at %s", value, revision)
	}
	status := s.recovery.Status()
	if len(status) != 1 {
		t.Fatal(status)
	}
	// One record became three: itself, its place on the shelf, its deadline, and the count of all.
	got := status[0]
	if got.Phase != Open || !got.Open || got.Epoch != epoch || got.Why != "" || got.Read == 0 || got.Read > got.Total || got.Built != 4 {
		t.Errorf("%+v", got)
	}
}

func TestARebuildOfAnUnknownTenantIsRefused(t *testing.T) {
	cfg, cache := servers(t)
	s := openShop(t, cfg, cache)
	defer s.stop()
	err := s.recovery.Rebuild(t.Context(), "nobody")
	if r, ok := refusal.As(err); !ok || r.Code != refusal.NotFound {
		t.Error(err)
	}
}

func TestARebuildWaitsForAnotherPodsRecovery(t *testing.T) {
	cfg, cache := servers(t)
	s := openShop(t, cfg, cache)
	defer s.stop()
	if err := s.store.Redis().Set(t.Context(), s.recovery.leaseKey(tenant), "another pod", 0).Err(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.recovery.Rebuild(ctx, tenant) }()
	cancel()
	if err := <-done; err == nil {
		t.Error("it did not wait")
	}
	if err := s.store.Redis().Del(t.Context(), s.recovery.leaseKey(tenant)).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.recovery.Rebuild(t.Context(), tenant); err != nil {
		t.Error(err)
	}
}

func TestAClosedTenantSaysWhy(t *testing.T) {
	cfg, cache := servers(t)
	s := openShop(t, cfg, cache)
	defer s.stop()
	epoch, _ := s.store.Verified(tenant)
	s.store.Shut(tenant, epoch+1, "a test closed it")
	if why := s.store.Why(tenant); why != "a test closed it" && why != "" { // it may be open again already
		t.Error(why)
	}
	s.waitOpen(epoch)
	if !slices.ContainsFunc(s.recovery.Status(), func(s TenantStatus) bool { return s.Phase == Open }) {
		t.Error(s.recovery.Status())
	}
}
