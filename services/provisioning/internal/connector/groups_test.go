package connector

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

func withGroups(cfg *Config) { asSCIM(cfg); cfg.Groups = true }

// spelledOut is a request to a server of users and groups, in short: what it looks for, or what it changes and how.
func spelledOut(r *http.Request) string {
	path := strings.TrimPrefix(r.URL.Path, "/acme/scim/v2/")
	words := []string{r.Method, path}
	if f := r.URL.Query().Get("filter"); f != "" {
		words = append(words, f)
	}
	if body, _ := io.ReadAll(r.Body); len(body) > 0 && strings.HasPrefix(path, groups) {
		words = append(words, string(body))
	}
	return strings.Join(words, " ")
}

func TestTheGroupsOfAnAgentsQueues(t *testing.T) {
	const (
		user   = `GET Users externalId eq "acme/bea"`
		in     = `GET Groups members.value eq "7"`
		look   = `GET Groups externalId eq "acme/queue/sales"`
		create = `POST Groups {"displayName":"sales","externalId":"acme/queue/sales","schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]}`
		enter  = `PATCH Groups/g1 {"Operations":[{"op":"add","path":"members","value":[{"value":"7"}]}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`
		leave  = `PATCH Groups/g2 {"Operations":[{"op":"remove","path":"members[value eq \"7\"]"}],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`
		sales  = `{"id":"g1","externalId":"acme/queue/sales"}`
		old    = `{"id":"g2","externalId":"acme/queue/old"}`
		theirs = `{"id":"g3","displayName":"managers"}`
	)
	bea7 := strings.Replace(beaAsUser, "{", `{"id":"7",`, 1)
	for _, c := range []struct {
		name    string
		answers []any // status and body, in the order of the requests
		calls   []string
		refused string
	}{
		{"as it should be", []any{200, there(bea7), 200, there(sales, theirs)}, []string{user, in}, ""},
		{"created, and a member at once", []any{200, there(), 201, bea7, 200, there(), 200, there(sales), 204, ""}, []string{user, "POST Users", in, look, enter}, ""},
		{"created, and its id not told", []any{200, there(), 201, "", 200, there(bea7), 200, there(sales)}, []string{user, "POST Users", user, in}, ""},
		{"no such group: made", []any{200, there(bea7), 200, there(), 200, there(), 201, sales, 200, there(sales), 204, ""}, []string{user, in, look, create, look, enter}, ""},
		{"made by another worker", []any{200, there(bea7), 200, there(), 200, there(), 409, "", 200, there(sales), 204, ""}, []string{user, in, look, create, look, enter}, ""},
		{"gone when it is entered: made anew", []any{200, there(bea7), 200, there(), 200, there(sales), 404, "", 200, there(), 201, sales, 200, there(sales), 204, ""}, []string{user, in, look, enter, look, create, look, enter}, ""},
		{"of a queue that is left", []any{200, there(bea7), 200, there(sales, old, theirs), 204, ""}, []string{user, in, leave}, ""},
		{"of a queue that is gone there, too", []any{200, there(bea7), 200, there(sales, old), 404, ""}, []string{user, in, leave}, ""},
		{"nobody may change it", []any{200, there(bea7), 200, there(), 200, there(sales), 403, "no"}, []string{user, in, look, enter}, "403 Forbidden: no"},
		{"its name is another's", []any{200, there(bea7), 200, there(), 200, there(), 409, "", 200, there(), 409, "", 200, there(), 409, ""}, []string{user, in, look, create, look, create, look, create},
			`the group "sales" of queue sales cannot be found there though it is said to exist: give it the externalId "acme/queue/sales", or another displayName`},
		{"knows no such filter", []any{200, there(bea7), 400, "no"}, []string{user, in}, "400 Bad Request: no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls []string
				d := to(func(r *http.Request) (*http.Response, error) {
					calls = append(calls, spelledOut(r))
					if i := 2 * (len(calls) - 1); i < len(c.answers) {
						return answer(c.answers[i].(int), c.answers[i+1].(string)), nil
					}
					return answer(418, "nothing more was expected"), nil
				}, withGroups)
				a, err := d.Send(t.Context(), bea())
				if err != nil || a != (Answer{1, c.refused}) {
					t.Errorf("answer %+v, %v, want %q", a, err, c.refused)
				}
				if !slices.Equal(calls, c.calls) {
					t.Errorf("calls\n%s\nwant\n%s", strings.Join(calls, "\n"), strings.Join(c.calls, "\n"))
				}
			})
		})
	}
}

func TestAGroupIsLookedForOnce(t *testing.T) {
	looks := 0
	d := to(func(r *http.Request) (*http.Response, error) {
		switch {
		case strings.HasPrefix(r.URL.Query().Get("filter"), "externalId eq \"acme/queue/"):
			looks++
			return answer(200, there(`{"id":"g1","externalId":"acme/queue/sales"}`)), nil
		case r.Method == http.MethodPatch:
			return answer(204, ""), nil
		case strings.HasSuffix(r.URL.Path, "/Users"):
			return answer(200, there(strings.Replace(beaAsUser, "{", `{"id":"7",`, 1))), nil
		}
		return answer(200, there()), nil
	}, withGroups)
	for range 3 {
		if a, err := d.Send(t.Context(), bea()); err != nil || a.Refused != "" {
			t.Fatalf("answer %+v, %v", a, err)
		}
	}
	if looks != 1 {
		t.Errorf("looked for %d times", looks)
	}
}

func TestGroupsAreReadBack(t *testing.T) {
	for in, want := range map[string]string{
		there(`{"id":"g1","externalId":"acme/queue/sales"}`, `{"id":"g3"}`): "[]",
		there(`{"id":"g2","externalId":"acme/queue/old"}`):                  `[groups is ["old"], should be ["sales"]]`,
		there(): `[groups is missing, should be ["sales"]]`,
	} {
		d := to(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/Groups") {
				return answer(200, in), nil
			}
			return answer(200, there(strings.Replace(beaAsUser, "{", `{"id":"7",`, 1))), nil
		}, withGroups)
		words, found, err := d.Read(t.Context(), "acme", bea().Agent)
		if err != nil || !found || fmt.Sprint(words) != want {
			t.Errorf("%v, %v, %v, want %s", words, found, err, want)
		}
	}
}
