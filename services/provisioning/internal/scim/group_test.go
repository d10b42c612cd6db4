package scim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

func (s *site) serving(queue string) string {
	members, _ := s.Members(s.Context(), "acme", "serves:"+queue)
	return strings.Join(members[0], " ")
}

func (s *site) people(ids ...string) {
	for _, id := range ids {
		s.put(directory.AgentEntry("acme", "test", &provisioningv1.Agent{Id: id, Name: id}), "agent:"+id)
	}
}

func TestTheLifeOfAGroup(t *testing.T) {
	s := newSite(t, Config{})
	s.people("ann", "cleo", "dan")
	created := s.wants(201, "POST /Groups", `{"schemas":["`+groupSchema+`"],"displayName":"Vertrieb Süd (DE)","externalId":"g-1","members":[{"value":"ann"},{"value":"cleo"},{"value":"ann"}]}`)
	if got, want := created.body["id"], "vertrieb-sud-de"; got != want {
		t.Fatalf("id %v, want %s", got, want)
	}
	q := s.queue("vertrieb-sud-de")
	if q.GetChannel() != commonv1.Channel_CHANNEL_VOICE || q.GetName() != "Vertrieb Süd (DE)" || q.GetExternalId() != "g-1" {
		t.Errorf("%v", q)
	}
	if got := s.serving("vertrieb-sud-de"); got != "ann cleo" {
		t.Errorf("serving: %s", got)
	}
	s.wants(409, "POST /Groups", `{"displayName":"Vertrieb Sud De"}`)
	s.wants(204, "PATCH /Groups/vertrieb-sud-de", patchOp+`{"op":"Add","path":"members","value":[{"value":"dan"}]},{"op":"Remove","path":"members[value eq \"ann\"]"}]}`)
	s.wants(204, "PATCH /Groups/vertrieb-sud-de", patchOp+`{"op":"Remove","path":"members","value":[{"value":"cleo"}]}]}`)
	if got := s.serving("vertrieb-sud-de"); got != "dan" {
		t.Errorf("serving: %s", got)
	}
	s.did()
	s.wants(200, "PUT /Groups/vertrieb-sud-de", `{"displayName":"Sales South"}`)
	if got := s.did() + " of " + s.serving("vertrieb-sud-de"); got != "UPDATE_QUEUE of dan" {
		t.Errorf("a name alone: %s", got)
	}
	s.wants(200, "PUT /Groups/vertrieb-sud-de", `{"displayName":"Sales South","members":[]}`)
	if got := s.did() + s.serving("vertrieb-sud-de"); got != "LEAVE_QUEUES" {
		t.Errorf("nobody: %s", got)
	}
	s.wants(204, "PATCH /Groups/vertrieb-sud-de", patchOp+`{"op":"replace","value":{"id":"vertrieb-sud-de","displayName":"South","members":[{"value":"ann"}]}}]}`)
	s.wants(204, "PATCH /Groups/vertrieb-sud-de", patchOp+`{"op":"remove","path":"externalId"},{"op":"remove","path":"members"}]}`)
	if got := s.queue("vertrieb-sud-de").GetExternalId() + s.serving("vertrieb-sud-de"); got != "" {
		t.Errorf("still there: %s", got)
	}
	s.wants(204, "PATCH /Groups/vertrieb-sud-de", patchOp+`{"op":"add","path":"members","value":[{"value":"ann"}]}]}`)
	s.did()
	s.wants(204, "DELETE /Groups/vertrieb-sud-de", "")
	if got := s.did(); got != "LEAVE_QUEUES DELETE_QUEUE" {
		t.Errorf("items %s", got)
	}
}

func TestAGroupKeepsWhatItDoesNotCarry(t *testing.T) {
	s := newSite(t, Config{})
	s.bea()
	want := proto.CloneOf(s.queue("sales"))
	want.Name = "S"
	s.wants(200, "PUT /Groups/sales", `{"displayName":"S"}`)
	if got := s.queue("sales"); !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestTheVersionOfAGroupHasItsMembersInIt(t *testing.T) {
	s := newSite(t, Config{})
	s.bea()
	s.people("ann")
	version := s.wants(200, "GET /Groups/sales", "").header.Get("ETag")
	s.wants(304, "GET /Groups/sales", "", "If-None-Match", version)
	s.wants(204, "PATCH /Groups/sales", patchOp+`{"op":"add","path":"members","value":[{"value":"ann"}]}]}`, "If-Match", version)
	s.wants(200, "GET /Groups/sales", "", "If-None-Match", version)
	s.wants(412, "DELETE /Groups/sales", "", "If-Match", version)
}

func TestMembersThatAreNone(t *testing.T) {
	s := newSite(t, Config{})
	s.bea()
	s.did()
	for _, body := range []string{
		`{"displayName":"New","members":[{"value":"nobody"}]}`,
		`{"displayName":"New","members":[{"value":"sales","type":"Group"}]}`,
		`{"displayName":"New","members":["bea"]}`,
		`{"displayName":"New","members":[{"display":"Bea"}]}`,
		`{"displayName":""}`,
		`{"displayName":7}`,
		`{"members":[]}`,
		fmt.Sprintf(`{"displayName":%q}`, strings.Repeat("x", 200)),
	} {
		if a := s.wants(400, "POST /Groups", body); a.body["scimType"] != invalidValue {
			t.Errorf("%s: %s", body, a.text)
		}
	}
	if got := s.did(); got != "" {
		t.Errorf("items %s", got)
	}
}

func TestIDsOfNames(t *testing.T) {
	for name, want := range map[string]string{
		"Support": "support", "  1st Level / DE ": "1st-level-de", "Éé_x": "ee-x", "日本": "group-", "---": "group-",
		strings.Repeat("ab ", 100): strings.TrimSuffix(strings.Repeat("ab-", 43)[:128], "-"),
	} {
		got := idOf(name)
		if got != want && (want != "group-" || !strings.HasPrefix(got, want) || got == want) {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
		if p := directory.CheckID(got); len(p) > 0 {
			t.Errorf("%q: %s is no id: %v", name, got, p)
		}
	}
}

func TestManyMembersAreOneJob(t *testing.T) {
	s := newSite(t, Config{})
	s.bea()
	var members []string
	for i := range 3000 {
		id := fmt.Sprintf("a-%04d", i)
		s.people(id)
		members = append(members, `{"value":"`+id+`"}`)
	}
	s.wants(204, "PATCH /Groups/sales", patchOp+`{"op":"add","path":"members","value":[`+strings.Join(members, ",")+`]}]}`)
	s.wants(204, "PATCH /Groups/sales", patchOp+`{"op":"remove","path":"members","value":[`+strings.Join(members[1:], ",")+`]}]}`)
	if got := strings.Fields(s.serving("sales")); !slices.Equal(got, []string{"a-0000", "bea"}) {
		t.Errorf("%d serve: %v", len(got), got[:min(len(got), 5)])
	}
}
