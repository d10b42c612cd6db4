package eventlog

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEventHeadersAreReadAsTheyWereWritten(t *testing.T) {
	e := CloudEvent{
		Service: "call-routing", Tenant: "acme", Record: "contact:c-42", Epoch: 7, N: 3,
		Type: "busyhour.routing.contact.offered.v1", Op: "op-1", Time: time.Date(2026, 11, 24, 1, 2, 3, 4e6, time.UTC),
	}
	m := Message{Headers: e.Headers()}
	for key, want := range map[string]string{
		HeaderID:          "acme/contact:c-42@7.3",
		HeaderSource:      "/busyhour/call-routing",
		HeaderRevision:    "30064771075", // 7·2³² + 3
		HeaderSpecVersion: "1.0",
		HeaderTime:        "2026-11-24T01:02:03.004Z",
	} {
		if got := m.Header(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	got, err := ParseCloudEvent(&m)
	if err != nil || got != e {
		t.Errorf("read back %+v, %v, want %+v", got, err, e)
	}
}

func TestEventWithoutAHeaderIsRefusedWithItsName(t *testing.T) {
	e := CloudEvent{Service: "s", Tenant: "acme", Record: "r", Epoch: 1, N: 1, Type: "t", Time: time.Now()}
	for _, key := range []string{HeaderSpecVersion, HeaderTenant, HeaderSubject, HeaderType, HeaderRevision, HeaderTime} {
		m := Message{Headers: slices.DeleteFunc(e.Headers(), func(h Header) bool { return h.Key == key })}
		if _, err := ParseCloudEvent(&m); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("without %s: %v", key, err)
		}
	}
}

func TestVoidIsWhatAMarkerBeforeItEnded(t *testing.T) {
	event := func(tenant string, epoch uint32) Message {
		return Message{Headers: CloudEvent{Tenant: tenant, Record: "r", Epoch: epoch, N: 1, Type: "t"}.Headers()}
	}
	marker := func(epoch uint32, tenants ...string) Message {
		return Marker{Tenants: tenants, Epoch: epoch, Nonce: "n"}.message("topic", nil)
	}
	bad := marker(9, "acme")
	bad.Value = []byte("{")
	var v Voider
	for i, c := range []struct {
		m    Message
		want bool
	}{
		{event("acme", 1), false},
		{marker(3, "acme", "umbrella"), true},
		{event("acme", 2), true},
		{event("umbrella", 2), true},
		{event("acme", 3), false},
		{event("other", 1), false},
		{marker(2, "acme"), true}, // late: the higher one stays
		{event("acme", 2), true},
		{bad, true}, // fences nothing
		{event("acme", 8), false},
		{Message{Value: []byte("no headers at all")}, false},
	} {
		if got := v.Void(c.m); got != c.want {
			t.Errorf("message %d: void %v, want %v", i, got, c.want)
		}
	}
}
