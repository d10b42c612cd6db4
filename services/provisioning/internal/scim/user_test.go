package scim

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

const patchOp = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`

func TestTheLifeOfAUser(t *testing.T) {
	s := newSite(t, Config{})
	created := s.wants(201, "POST /Users", `{"schemas":["`+userSchema+`"],"USERNAME":"ann@acme.com","externalId":"00u-7","name":{"givenName":"Ann","familyName":"Lee"},
		"active":true,"emails":[{"value":"ann@acme.com"}],"title":"Dr"}`)
	if got := created.header.Get("ETag"); got != `W/"1.1"` {
		t.Errorf("ETag %s", got)
	}
	if got, want := created.header.Get("Location"), "http://busyhour.example/scim/v2/acme/Users/ann@acme.com"; got != want {
		t.Errorf("Location %s, want %s", got, want)
	}
	want := &provisioningv1.Agent{Id: "ann@acme.com", Name: "Ann Lee", ExternalId: "00u-7", Capacity: []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_VOICE, Contacts: 1}}}
	if got := s.agent("ann@acme.com"); !proto.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if a := s.wants(409, "POST /Users", `{"userName":"ann@acme.com"}`); a.body["scimType"] != uniqueness {
		t.Errorf("the same again: %s", a.text)
	}
	s.wants(200, "PATCH /Users/ann@acme.com", patchOp+`{"op":"Replace","path":"active","value":"False"}]}`)
	if !s.agent("ann@acme.com").GetDeactivated() {
		t.Error("still active")
	}
	if a := s.wants(400, "PATCH /Users/ann@acme.com", patchOp+`{"op":"replace","path":"userName","value":"bea"}]}`); a.body["scimType"] != mutability {
		t.Errorf("another userName: %s", a.text)
	}
	s.wants(204, "DELETE /Users/ann@acme.com", "")
	s.wants(404, "GET /Users/ann@acme.com", "")
	s.wants(404, "DELETE /Users/ann@acme.com", "")
	if got := s.did(); got != "CREATE_AGENT UPDATE_AGENT DELETE_AGENT" {
		t.Errorf("items %s", got)
	}
}

func TestWhatSCIMDoesNotCarryStays(t *testing.T) {
	s := newSite(t, Config{})
	s.bea()
	before := s.agent("bea")
	s.wants(200, "PUT /Users/bea", `{"schemas":["`+userSchema+`"],"userName":"bea","displayName":"Bea"}`)
	want := proto.CloneOf(before)
	want.Name = "Bea"
	if got := s.agent("bea"); !proto.Equal(got, want) {
		t.Errorf("by somebody who does not know agents:\ngot  %v\nwant %v", got, want)
	}
	s.wants(200, "PUT /Users/bea", `{"schemas":["`+userSchema+`","`+agentSchema+`"],"userName":"bea","displayName":"Bea"}`)
	want = &provisioningv1.Agent{Id: "bea", Name: "Bea", Capacity: []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_VOICE, Contacts: 1}}}
	if got := s.agent("bea"); !proto.Equal(got, want) {
		t.Errorf("by somebody who does:\ngot  %v\nwant %v", got, want)
	}
	s.did()
	s.wants(200, "PUT /Users/bea", `{"userName":"bea","displayName":"Bea"}`)
	if got := s.did(); got != "" {
		t.Errorf("the same again is a change: %s", got)
	}
}

func TestChangesOfAUser(t *testing.T) {
	ext := agentSchema
	for _, c := range []struct {
		name, operations, change string // what differs, or the scimType of the refusal
	}{
		{"a name", `{"op":"replace","path":"displayName","value":"B"}`, `name:"B"`},
		{"the other name", `{"op":"replace","path":"name.formatted","value":"B"}`, `name:"B"`},
		{"a name in capitals, with the schema", `{"op":"REPLACE","path":"` + strings.ToUpper(userSchema) + `:DISPLAYNAME","value":"B"}`, `name:"B"`},
		{"no path", `{"op":"replace","value":{"displayName":"B","active":false,"id":"bea"}}`, `name:"B" deactivated:true`},
		{"dotted names", `{"op":"replace","value":{"name.formatted":"B","` + ext + `:queues":[]}}`, `name:"B" queues:-`},
		{"an address", `{"op":"replace","path":"phoneNumbers[type eq \"work\"].value","value":"7"}`, `address:"7"`},
		{"an address, added", `{"op":"add","path":"phoneNumbers","value":[{"type":"work","value":"7"}]}`, `address:"7"`},
		{"a number of another type", `{"op":"add","path":"phoneNumbers","value":{"type":"mobile","value":"7"}}`, ""},
		{"no address", `{"op":"remove","path":"phoneNumbers[type eq \"work\"]"}`, "address:-"},
		{"no number", `{"op":"remove","path":"phoneNumbers"}`, "address:-"},
		{"removed and added by a filter", `{"op":"remove","path":"phoneNumbers"},{"op":"add","path":"phoneNumbers[type eq \"work\"].value","value":"7"}`, `address:"7"`},
		{"replaced where nothing is", `{"op":"replace","path":"phoneNumbers[type eq \"fax\"].value","value":"7"}`, noTarget},
		{"a skill's level", `{"op":"replace","path":"` + ext + `:skills[name eq \"english\"].level","value":90}`, `skills:english=90`},
		{"a skill again", `{"op":"add","path":"` + ext + `:skills","value":[{"name":"english","level":20},{"name":"go","level":5}]}`, `skills:english=20,go=5`},
		{"no skills", `{"op":"remove","path":"` + ext + `:skills"}`, `skills:-`},
		{"the extension", `{"op":"replace","path":"` + ext + `","value":{"skills":[]}}`, `skills:-`},
		{"no extension", `{"op":"remove","path":"` + ext + `"}`, `skills:- queues:- capacity:voice=1`},
		{"queues taken by value", `{"op":"remove","path":"` + ext + `:queues","value":["sales"]}`, `queues:-`},
		{"an externalId", `{"op":"replace","path":"externalId","value":"x"}`, `external:"x"`},
		{"no externalId", `{"op":"remove","path":"externalId"}`, `external:-`},
		{"unknown attributes", `{"op":"add","path":"title","value":"Dr"},{"op":"replace","path":"emails[type eq \"work\"].value","value":"x"},{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"x"}`, ""},
		{"groups", `{"op":"add","path":"groups","value":[{"value":"x"}]}`, mutability},
		{"id", `{"op":"replace","path":"id","value":"x"}`, mutability},
		{"no userName", `{"op":"remove","path":"userName"}`, invalidValue},
		{"a queue that is not there", `{"op":"add","path":"` + ext + `:queues","value":["nowhere"]}`, invalidValue},
		{"active as what is neither", `{"op":"replace","path":"active","value":"perhaps"}`, invalidValue},
		{"a number for a name", `{"op":"replace","path":"displayName","value":7}`, invalidValue},
		{"a level that is none", `{"op":"replace","path":"` + ext + `:skills[name eq \"english\"].level","value":1.5}`, invalidValue},
		{"a level above", `{"op":"replace","path":"` + ext + `:skills[name eq \"english\"].level","value":101}`, invalidValue},
		{"a bad path", `{"op":"replace","path":"phoneNumbers[type","value":"x"}`, invalidPath},
		{"brackets behind one", `{"op":"replace","path":"displayName[a eq 1]","value":"x"}`, invalidPath},
		{"an unknown op", `{"op":"move","path":"displayName","value":"x"}`, invalidSyntax},
		{"remove without a path", `{"op":"remove"}`, noTarget},
		{"no value", `{"op":"add","path":"displayName"}`, invalidValue},
		{"half of it", `{"op":"replace","path":"displayName","value":"B"},{"op":"replace","path":"id","value":"x"}`, mutability},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, Config{})
			s.bea()
			before := s.agent("bea")
			a := s.ask("PATCH /Users/bea", patchOp+c.operations+`]}`)
			if a.status != http.StatusOK {
				if a.status != 400 || a.body["scimType"] != c.change || !proto.Equal(before, s.agent("bea")) {
					t.Errorf("%d %s, want %q and nothing changed", a.status, a.text, c.change)
				}
				return
			}
			if got := changes(before, s.agent("bea")); got != c.change {
				t.Errorf("changed %q, want %q", got, c.change)
			}
		})
	}
}

// changes says what has changed of an agent, shortly.
func changes(a, b *provisioningv1.Agent) string {
	var all []string
	add := func(name, old, now string) {
		if now == `""` || now == "" {
			now = "-"
		}
		if old != now {
			all = append(all, name+":"+now)
		}
	}
	quote := func(s string) string { return `"` + s + `"` }
	skills := func(a *provisioningv1.Agent) string {
		var t []string
		for _, s := range a.GetSkills() {
			t = append(t, s.GetName()+"="+itoa(s.GetLevel()))
		}
		return strings.Join(t, ",")
	}
	capacity := func(a *provisioningv1.Agent) string {
		var t []string
		for _, c := range a.GetCapacity() {
			t = append(t, strings.ToLower(strings.TrimPrefix(c.GetChannel().String(), "CHANNEL_"))+"="+itoa(c.GetContacts()))
		}
		return strings.Join(t, ",")
	}
	add("name", quote(a.GetName()), quote(b.GetName()))
	if b.GetDeactivated() {
		all = append(all, "deactivated:true")
	}
	add("address", quote(a.GetAddress()), quote(b.GetAddress()))
	add("external", quote(a.GetExternalId()), quote(b.GetExternalId()))
	add("skills", skills(a), skills(b))
	add("queues", strings.Join(a.GetQueueIds(), ","), strings.Join(b.GetQueueIds(), ","))
	add("capacity", capacity(a), capacity(b))
	return strings.Join(all, " ")
}

func itoa(n uint32) string { return strconv.Itoa(int(n)) }

func TestSomebodyWasFirst(t *testing.T) {
	s := newSite(t, Config{})
	s.bea()
	version := s.wants(200, "GET /Users/bea", "").header.Get("ETag")
	s.wants(304, "GET /Users/bea", "", "If-None-Match", version)
	s.wants(200, "PATCH /Users/bea", patchOp+`{"op":"replace","path":"displayName","value":"B"}]}`, "If-Match", version)
	s.wants(412, "PATCH /Users/bea", patchOp+`{"op":"replace","path":"displayName","value":"C"}]}`, "If-Match", version)
	s.wants(412, "DELETE /Users/bea", "", "If-Match", version)
	s.wants(200, "GET /Users/bea", "", "If-None-Match", version)

	// While the item waits for its turn, somebody gives the agent an address.
	times := 1
	s.before = func(*provisioningv1.Item) string {
		if times > 0 {
			times--
			s.run(&provisioningv1.Item{Kind: provisioningv1.Item_KIND_UPDATE_AGENT, Agent: &provisioningv1.Agent{Id: "bea", Name: "B", Address: "9"}})
		}
		return ""
	}
	s.wants(200, "PATCH /Users/bea", patchOp+`{"op":"replace","path":"displayName","value":"D"}]}`)
	if a := s.agent("bea"); a.GetName() != "D" || a.GetAddress() != "9" {
		t.Errorf("one of the two changes is lost: %v", a)
	}
	times = 1
	version = s.wants(200, "GET /Users/bea", "").header.Get("ETag")
	s.wants(412, "PATCH /Users/bea", patchOp+`{"op":"replace","path":"displayName","value":"E"}]}`, "If-Match", version)
	times = 100
	s.before = func(*provisioningv1.Item) string {
		s.run(&provisioningv1.Item{Kind: provisioningv1.Item_KIND_UPDATE_AGENT, Agent: &provisioningv1.Agent{Id: "bea", Name: "B", Address: "9"}})
		return ""
	}
	s.wants(503, "PATCH /Users/bea", patchOp+`{"op":"replace","path":"displayName","value":"F"}]}`)
}

func TestARefusalIsTold(t *testing.T) {
	s := newSite(t, Config{})
	s.bea()
	s.before = func(*provisioningv1.Item) string { return "the downstream says no" }
	a := s.wants(400, "PUT /Users/bea", `{"userName":"bea","displayName":"B"}`)
	if a.body["detail"] != "the downstream says no" || a.body["scimType"] != invalidValue || a.body["status"] != "400" {
		t.Errorf("%s", a.text)
	}
	s.wants(400, "POST /Users", `{"userName":"cleo"}`)
	s.wants(400, "DELETE /Users/bea", "")
	// The directory has it, and only a downstream does not want it: here it is done.
	s.before = func(it *provisioningv1.Item) string {
		s.run(it)
		return "the downstream says no"
	}
	s.wants(200, "PUT /Users/bea", `{"userName":"bea","displayName":"B"}`)
	s.wants(201, "POST /Users", `{"userName":"cleo"}`)
	s.wants(204, "DELETE /Users/bea", "")
}
