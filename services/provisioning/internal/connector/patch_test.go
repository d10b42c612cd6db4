package connector

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

const canPatch = `{"patch":{"supported":true}}`

func TestAPatchHoldsOnlyWhatDiffers(t *testing.T) {
	full := strings.Replace(beaAsUser, "{", `{"id":"7","title":"Dr","meta":{"version":"W/\"3\""},`, 1)
	deactivated := bea()
	deactivated.Agent.Deactivated = true
	for _, c := range []struct {
		name   string
		found  string
		change Change
		ops    string
	}{
		{"a name", strings.ReplaceAll(full, "Bea Ång", "Bea"), bea(),
			`[{"op":"replace","path":"displayName","value":"Bea Ång"},{"op":"replace","path":"name.formatted","value":"Bea Ång"}]`},
		{"deactivated", full, deactivated, `[{"op":"replace","path":"active","value":false}]`},
		{"activated", strings.Replace(full, `"active": true`, `"active": false`, 1), bea(), `[{"op":"replace","path":"active","value":true}]`},
		{"another number", strings.Replace(full, "1002", "1003", 1), bea(), `[{"op":"replace","path":"phoneNumbers[type eq \"work\"].value","value":"1002"}]`},
		{"no number", strings.Replace(full, `"type": "work"`, `"type": "home"`, 1), bea(), `[{"op":"add","path":"phoneNumbers","value":[{"type":"work","value":"1002"}]}]`},
		{"two numbers", strings.Replace(full, `"phoneNumbers": [`, `"phoneNumbers": [{"type":"work","value":"1","primary":true},`, 1), bea(),
			`[{"op":"replace","path":"phoneNumbers","value":[{"type":"work","value":"1002","primary":true}]}]`},
		{"skills", strings.Replace(full, `"level": 80`, `"level": 70`, 1), bea(),
			`[{"op":"replace","path":"` + agentSchema + `:skills","value":[{"name":"english","level":80}]}]`},
		{"nothing left", full, Change{Tenant: "acme", Agent: &provisioningv1.Agent{Id: "bea", Name: "Bea Ång"}},
			`[{"op":"remove","path":"phoneNumbers[type eq \"work\"]"},{"op":"remove","path":"` + agentSchema + `:capacity"},
			{"op":"remove","path":"` + agentSchema + `:queues"},{"op":"remove","path":"` + agentSchema + `:skills"}]`},
		{"only the schemas", strings.Replace(full, `, "urn:busyhour:params:scim:schemas:extension:agent:1.0:User"]`, `]`, 1), bea(), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			sent := ""
			d := to(func(r *http.Request) (*http.Response, error) {
				switch {
				case asksAbilities(r):
					return answer(200, canPatch), nil
				case r.Method == http.MethodGet:
					return answer(200, there(c.found)), nil
				}
				text, _ := io.ReadAll(r.Body)
				sent += string(text)
				if got := spelled(r); got != `PATCH 7 W/"3"` || r.Header.Get("Content-Type") != scimJSON {
					t.Errorf("called %s as %s", got, r.Header.Get("Content-Type"))
				}
				return answer(204, ""), nil
			}, asSCIM)
			if a, err := d.Send(t.Context(), c.change); err != nil || a != (Answer{Attempts: 1}) {
				t.Errorf("answer %+v, %v", a, err)
			}
			want := ""
			if c.ops != "" {
				want = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":` + c.ops + `}`
			}
			if !sameJSON(sent, want) {
				t.Errorf("sent %s\nwant %s", sent, want)
			}
		})
	}
}

func sameJSON(a, b string) bool {
	var x, y any
	_, _ = json.Unmarshal([]byte(a), &x), json.Unmarshal([]byte(b), &y)
	return reflect.DeepEqual(x, y)
}

func TestWhetherAServerTakesPatch(t *testing.T) {
	const old = `{"id":"7","userName":"bea","externalId":"acme/bea"}`
	for _, c := range []struct {
		name      string
		abilities []any // status and body, in the order in which they are asked for; then 404
		patch     int   // its answer
		pause     time.Duration
		calls     string // of two changes, the pause between
	}{
		{"it does", []any{200, canPatch}, 200, time.Minute, "ask PATCH PATCH"},
		{"it does, and was asked an hour ago", []any{200, canPatch, 200, `{}`}, 200, time.Hour, "ask PATCH ask PUT"},
		{"it does not", []any{200, `{"patch":{"supported":false}}`}, 200, time.Minute, "ask PUT PUT"},
		{"it has no such page", []any{404, "", 200, canPatch}, 200, time.Minute, "ask PUT PUT"},
		{"it goes wrong when asked", []any{500, "", 200, canPatch}, 200, time.Minute, "ask PUT ask PATCH"},
		{"it answers nonsense", []any{200, "<html>", 200, canPatch}, 200, time.Minute, "ask PUT ask PATCH"},
		{"it asks for patience", []any{429, "", 200, canPatch}, 200, time.Minute, "ask ask PATCH PATCH"},
		{"it says it does, and does not", []any{200, canPatch}, 405, time.Minute, "ask PATCH PUT PUT"},
		{"it refuses one", []any{200, canPatch, 200, `{}`}, 400, time.Minute, "ask PATCH ask PUT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls []string
				asked := 0
				d := to(func(r *http.Request) (*http.Response, error) {
					switch {
					case asksAbilities(r):
						calls = append(calls, "ask")
						if asked += 2; asked > len(c.abilities) {
							return answer(404, ""), nil
						}
						return answer(c.abilities[asked-2].(int), c.abilities[asked-1].(string)), nil
					case r.Method == http.MethodGet:
						return answer(200, there(old)), nil
					}
					calls = append(calls, r.Method)
					if r.Method == http.MethodPatch {
						return answer(c.patch, ""), nil
					}
					return answer(200, ""), nil
				}, asSCIM)
				for range 2 {
					if _, err := d.Send(t.Context(), bea()); err != nil {
						t.Error(err)
					}
					<-time.After(c.pause)
				}
				if got := strings.Join(calls, " "); got != c.calls {
					t.Errorf("calls %s, want %s", got, c.calls)
				}
			})
		})
	}
}

func TestAServerIsAskedOnceByAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		d := to(func(r *http.Request) (*http.Response, error) {
			if asksAbilities(r) {
				asked.Add(1)
				<-time.After(time.Second)
				return answer(200, canPatch), nil
			}
			if r.Method == http.MethodGet {
				return answer(200, there(`{"id":"7","userName":"bea","externalId":"acme/bea"}`)), nil
			}
			return answer(200, ""), nil
		}, asSCIM)
		done := make(chan error)
		for range 10 {
			go func() { _, err := d.Send(t.Context(), bea()); done <- err }()
		}
		for range 10 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if asked.Load() != 1 {
			t.Errorf("asked %d times", asked.Load())
		}
	})
}

func TestAPatchOfAUserThatIsAnotherByNowBeginsAgain(t *testing.T) {
	patches := 0
	var versions []string
	d := to(func(r *http.Request) (*http.Response, error) {
		switch {
		case asksAbilities(r):
			return answer(200, canPatch), nil
		case r.Method == http.MethodGet:
			return answer(200, there(fmt.Sprintf(`{"id":"7","userName":"bea","externalId":"acme/bea","meta":{"version":"%d"}}`, patches))), nil
		}
		versions = append(versions, r.Method+" "+r.Header.Get("If-Match"))
		if patches++; patches == 1 {
			return answer(412, ""), nil
		}
		return answer(200, ""), nil
	}, asSCIM)
	a, err := d.Send(t.Context(), bea())
	if err != nil || a != (Answer{Attempts: 1}) || fmt.Sprint(versions) != "[PATCH 0 PATCH 1]" {
		t.Errorf("answer %+v, %v, calls %q", a, err, versions)
	}
}
