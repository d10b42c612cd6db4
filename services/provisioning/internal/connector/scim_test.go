package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

func asSCIM(cfg *Config) { cfg.Kind, cfg.URL = kindSCIM, "https://crm.example/{tenant}/scim/v2/" }

// bea has everything an agent can have.
func bea() Change {
	return Change{Tenant: "acme", Key: "j-1/8", Agent: &provisioningv1.Agent{
		Id: "bea", Name: "Bea Ång", Address: "1002", QueueIds: []string{"sales"},
		Skills:   []*commonv1.Skill{{Name: "english", Level: 80}},
		Capacity: []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_CHAT, Contacts: 3}},
	}}
}

const beaAsUser = `{
	"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:busyhour:params:scim:schemas:extension:agent:1.0:User"],
	"userName": "bea", "externalId": "acme/bea", "displayName": "Bea Ång", "name": {"formatted": "Bea Ång"}, "active": true,
	"phoneNumbers": [{"type": "work", "value": "1002"}],
	"urn:busyhour:params:scim:schemas:extension:agent:1.0:User":
		{"skills": [{"name": "english", "level": 80}], "queues": ["sales"], "capacity": [{"channel": "chat", "contacts": 3}]}
}`

func read(t *testing.T, text string) user {
	t.Helper()
	var u user
	if err := decode([]byte(text), &u); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return u
}

func TestAnAgentIsAUser(t *testing.T) {
	if got, want := userOf("acme", bea().Agent), read(t, beaAsUser); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	bare := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann@home","externalId":"acme/ann@home","displayName":"Ann","name":{"formatted":"Ann"},"active":true}`
	if got, want := userOf("acme", ann().Agent), read(t, bare); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestWhatOthersHaveSetStays(t *testing.T) {
	found := read(t, `{"schemas":["urn:x"],"id":"7","userName":"old","displayName":"Old","title":"Dr","salary":12345678901234567890,
		"name":{"formatted":"Old","givenName":"O"},"active":false,
		"phoneNumbers":[{"type":"mobile","value":"1"},{"type":"work","value":"2","primary":true}]}`)
	want := read(t, beaAsUser)
	want["schemas"] = append([]any{"urn:x"}, want["schemas"].([]any)...)
	want["id"], want["title"], want["salary"] = "7", "Dr", json.Number("12345678901234567890")
	want["name"] = map[string]any{"formatted": "Bea Ång", "givenName": "O"}
	want["phoneNumbers"] = []any{map[string]any{"type": "mobile", "value": "1"}, map[string]any{"type": "work", "value": "1002", "primary": true}}
	if got := found.with(userOf("acme", bea().Agent)); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	bare := want.with(userOf("acme", &provisioningv1.Agent{Id: "bea", Name: "Bea"}))
	if got := fmt.Sprint(bare["phoneNumbers"], bare[agentSchema]); got != "[map[type:mobile value:1]] <nil>" {
		t.Errorf("what the agent has no more is there: %s", got)
	}
}

// there is a server's list of users.
func there(users ...string) string {
	return fmt.Sprintf(`{"totalResults":%d,"Resources":[%s]}`, len(users), strings.Join(users, ","))
}

func TestWhatFollowsFromASCIMServersAnswers(t *testing.T) {
	const (
		theirs  = `{"id":"7","userName":"Bea","externalId":"acme/cleo","meta":{"version":"W/\"3\""}}`
		nobodys = `{"id":"7","userName":"Bea","meta":{"version":"W/\"3\""}}`
		old     = `{"id":"7","userName":"bea","externalId":"acme/bea","meta":{"version":"W/\"3\""}}`
		newer   = `{"id":"7","userName":"bea","externalId":"acme/bea","meta":{"version":"W/\"4\""}}`
	)
	same := strings.Replace(beaAsUser, "{", `{"id":"7",`, 1)
	for _, c := range []struct {
		name    string
		deleted bool
		answers []any // status and body, in the order of the requests
		calls   string
		answer  Answer
	}{
		{"absent: created", false, []any{200, there(), 201, same}, "GET e, POST", Answer{Attempts: 1}},
		{"created, and told nothing more", false, []any{200, there(), 201, ""}, "GET e, POST", Answer{Attempts: 1}},
		{"as it should be: left alone", false, []any{200, there(same)}, "GET e", Answer{Attempts: 1}},
		{"another: replaced", false, []any{200, there(old), 200, same}, `GET e, PUT 7 W/"3"`, Answer{Attempts: 1}},
		{"changed by somebody: read again", false, []any{200, there(old), 412, "", 200, there(newer), 200, same}, `GET e, PUT 7 W/"3", GET e, PUT 7 W/"4"`, Answer{Attempts: 1}},
		{"deleted by somebody: created", false, []any{200, there(old), 404, "", 200, there(), 201, same}, `GET e, PUT 7 W/"3", GET e, POST`, Answer{Attempts: 1}},
		{"created by somebody: replaced", false, []any{200, there(), 409, "", 200, there(old), 200, same}, `GET e, POST, GET u, PUT 7 W/"3"`, Answer{Attempts: 1}},
		{"created by somebody, as it should be", false, []any{200, there(), 409, "", 200, there(same)}, "GET e, POST, GET u", Answer{Attempts: 1}},
		{"there without an externalId: adopted", false, []any{200, there(), 409, "", 200, there(nobodys), 200, same}, `GET e, POST, GET u, PUT 7 W/"3"`, Answer{Attempts: 1}},
		{"the name is another's", false, []any{200, there(), 409, "", 200, there(theirs)}, "GET e, POST, GET u",
			Answer{1, `userName "bea" is that of externalId "acme/cleo" there`}},
		{"an agent in other letters is another", false, []any{200, there(strings.Replace(old, "acme/bea", "acme/BEA", 1)), 201, same}, "GET e, POST", Answer{Attempts: 1}},
		{"two of them", false, []any{200, there(old, newer)}, "GET e", Answer{1, `it has 2 users with the externalId "acme/bea": leave one`}},
		{"heeds no filter", false, []any{200, there(theirs)}, "GET e", Answer{1, `asked for the user with the externalId "acme/bea" it answers others, or one without an id`}},
		{"knows no filter", false, []any{400, "no"}, "GET e", Answer{1, "400 Bad Request: no"}},
		{"refuses", false, []any{200, there(), 400, "no"}, "GET e, POST", Answer{1, "400 Bad Request: no"}},
		{"the list is cut off", false, []any{200, `{"totalResults":1,"Resou`, 200, there(same)}, "GET e, GET e", Answer{Attempts: 2}},
		{"the list is none", false, []any{200, `{}`, 200, `<html>`, 200, `{"totalResults":1}`, 200, there(same)}, "GET e, GET e, GET e, GET e", Answer{Attempts: 4}},
		{"the answer to a POST is cut off", false, []any{200, there(), 201, `{"id":`, 200, there(same)}, "GET e, POST, GET e", Answer{Attempts: 2}},
		{"the answer to a PUT is cut off", false, []any{200, there(old), 200, `{"id":`, 200, there(same)}, `GET e, PUT 7 W/"3", GET e`, Answer{Attempts: 2}},
		{"too much is answered", false, []any{200, there() + strings.Repeat(" ", longestAnswer), 200, there(same)}, "GET e, GET e", Answer{Attempts: 2}},
		{"patience is wanted", false, []any{200, there(), 429, "", 200, there(), 201, ""}, "GET e, POST, GET e, POST", Answer{Attempts: 2}},
		{"goes wrong", false, []any{503, "", 200, there(), 500, "", 200, there(), 201, ""}, "GET e, GET e, POST, GET e, POST", Answer{Attempts: 3}},
		{"absent: deleted", true, []any{200, there()}, "GET e", Answer{Attempts: 1}},
		{"deleted", true, []any{200, there(old), 204, ""}, "GET e, DELETE 7", Answer{Attempts: 1}},
		{"deleted by somebody", true, []any{200, there(old), 404, ""}, "GET e, DELETE 7", Answer{Attempts: 1}},
		{"may not be deleted", true, []any{200, there(old), 403, "no"}, "GET e, DELETE 7", Answer{1, "403 Forbidden: no"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls []string
				d := to(func(r *http.Request) (*http.Response, error) {
					if asksAbilities(r) {
						return answer(404, ""), nil
					}
					calls = append(calls, spelled(r))
					if i := 2 * (len(calls) - 1); i < len(c.answers) {
						return answer(c.answers[i].(int), c.answers[i+1].(string)), nil
					}
					return answer(418, "nothing more was expected"), nil
				}, asSCIM)
				change := bea()
				change.Deleted = c.deleted
				a, err := d.Send(t.Context(), change)
				if err != nil || a != c.answer {
					t.Errorf("answer %+v, %v, want %+v", a, err, c.answer)
				}
				if got := strings.Join(calls, ", "); got != c.calls {
					t.Errorf("calls %s, want %s", got, c.calls)
				}
			})
		})
	}
}

func asksAbilities(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/scim/v2/ServiceProviderConfig")
}

// spelled is a request in short: what it looks for, or which user and version it changes.
func spelled(r *http.Request) string {
	const users = "/acme/scim/v2/Users"
	id := strings.Trim(strings.TrimPrefix(r.URL.Path, users), "/")
	switch r.URL.Query().Get("filter") {
	case `externalId eq "acme/bea"`:
		id = "e"
	case `userName eq "bea"`:
		id = "u"
	}
	return strings.TrimSpace(fmt.Sprint(r.Method, " ", id, " ", r.Header.Get("If-Match")))
}

// careless is a SCIM server that lets everybody create what is there, as some do. It takes every change, and then does to
// the answer what the test says.
type careless struct {
	mu      sync.Mutex
	users   []user
	creates int
	after   func(w http.ResponseWriter, r *http.Request)
}

func (s *careless) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	var u user
	_ = json.Unmarshal(body, &u)
	switch r.Method {
	case http.MethodPost:
		s.creates++
		u["id"] = fmt.Sprint(s.creates)
		s.users = append(s.users, u)
	case http.MethodPut:
		s.users[0] = u
	}
	found, _ := json.Marshal(map[string]any{"totalResults": len(s.users), "Resources": s.users})
	s.mu.Unlock()
	if r.Method != http.MethodGet {
		s.after(w, r)
		return
	}
	_, _ = w.Write(found)
}

// scimAt is a Connector to a real server.
func scimAt(address string, change func(*Config)) *Connector {
	cfg := config()
	cfg.Kind, cfg.URL, cfg.Private = kindSCIM, address, true
	cfg.BackoffMin, cfg.BackoffMax = time.Millisecond, 10*time.Millisecond
	if change != nil {
		change(&cfg)
	}
	return New(cfg, zap.NewNop(), prometheus.NewRegistry())
}

func TestWhatWasCreatedAndNotAnsweredIsNotCreatedAgain(t *testing.T) {
	for name, after := range map[string]func(http.ResponseWriter, *http.Request){
		"no answer in time":     func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"the connection breaks": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"an answer breaks off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{}`)
		},
		"an error after the fact": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
	} {
		t.Run(name, func(t *testing.T) {
			s := &careless{after: after}
			server := httptest.NewServer(s)
			defer server.Close()
			c := scimAt(server.URL, func(cfg *Config) { cfg.Timeout = 200 * time.Millisecond })
			a, err := c.Send(t.Context(), bea())
			if err != nil || a != (Answer{Attempts: 2}) || s.creates != 1 {
				t.Errorf("answer %+v, %v, created %d times", a, err, s.creates)
			}
		})
	}
}

func TestWhatWeAskForIsEscaped(t *testing.T) {
	var asked url.Values
	c := to(func(r *http.Request) (*http.Response, error) {
		if strings.Contains(r.URL.RawQuery, "+") {
			t.Errorf("a plus for a space: %s", r.URL.RawQuery)
		}
		asked = r.URL.Query()
		return answer(200, there()), nil
	}, asSCIM)
	change := Change{Tenant: "acme", Agent: &provisioningv1.Agent{Id: `a" or userName pr or "&count=1+1`}, Deleted: true}
	if _, err := c.Send(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	var value string
	if err := json.Unmarshal([]byte(strings.TrimPrefix(asked.Get("filter"), "externalId eq ")), &value); err != nil || value != "acme/"+change.Agent.Id || len(asked) != 1 {
		t.Errorf("asked %v, %v", asked, err)
	}
}

func TestAChangeUnderWayEndsWithItsWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := to(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet {
				return answer(200, there()), nil
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, asSCIM)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if a, err := c.Send(ctx, bea()); err == nil || a.Refused != "" {
			t.Errorf("answer %+v, %v, want the end of the context", a, err)
		}
	})
}
