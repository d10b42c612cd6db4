package connector

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

func inBulk(cfg *Config) { asSCIM(cfg); cfg.Bulk, cfg.Concurrency = true, 32 }

// crowded is a SCIM server of users that takes bulk requests and 100 ms for each request. It notes what was asked.
type crowded struct {
	offers string // its ServiceProviderConfig
	// refuses bulk requests with this status, whatever it offers; 0: it does not.
	refuses int
	// spoil has it answer a bulk request so, instead of what it should; it has done what was asked. nil: it does not.
	spoil func(calls int, operations []map[string]any) *http.Response

	mu    sync.Mutex
	users map[string]user // by externalId
	calls map[string]int  // by method and kind
}

const offersAll = `{"patch":{"supported":false},"bulk":{"supported":true,"maxOperations":10,"maxPayloadSize":1048576},"filter":{"supported":true}}`

var sought = regexp.MustCompile(`externalId eq ("[^"]*")`)

func (s *crowded) RoundTrip(r *http.Request) (*http.Response, error) {
	<-time.After(100 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := strings.TrimPrefix(r.URL.Path, "/acme/scim/v2")
	if strings.HasPrefix(kind, "/Users/") {
		kind = "/Users/ID"
	}
	s.calls[r.Method+" "+kind]++
	switch kind {
	case "/ServiceProviderConfig":
		return answer(200, s.offers), nil
	case "/Bulk":
		if s.refuses != 0 {
			return answer(s.refuses, ""), nil
		}
		var asked struct{ Operations []map[string]any }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			return answer(400, err.Error()), nil
		}
		return s.bulk(asked.Operations), nil
	}
	if r.Method == http.MethodGet {
		return s.find(r.URL.Query().Get("filter")), nil
	}
	var u user
	if r.Body != nil {
		_ = json.NewDecoder(r.Body).Decode(&u)
	}
	return answer(s.do(r.Method, r.URL.Path, u), ""), nil
}

func (s *crowded) find(filter string) *http.Response {
	var found []string
	for _, m := range sought.FindAllStringSubmatch(filter, -1) {
		var id string
		_ = json.Unmarshal([]byte(m[1]), &id)
		if u := s.users[id]; u != nil {
			text, _ := json.Marshal(u)
			found = append(found, string(text))
		}
	}
	return answer(200, there(found...))
}

func (s *crowded) do(method, at string, u user) (status int) {
	switch method {
	case http.MethodPost:
		u["id"] = fmt.Sprint(len(s.users) + 1)
		s.users[u.text("externalId")] = u
		return 201
	case http.MethodPut:
		s.users[u.text("externalId")] = u
		return 200
	case http.MethodDelete:
		for external, u := range s.users {
			if u.text("id") == path.Base(at) {
				delete(s.users, external)
				return 204
			}
		}
	}
	return 404
}

func (s *crowded) bulk(operations []map[string]any) *http.Response {
	var told []map[string]any
	for _, o := range operations {
		data, _ := o["data"].(map[string]any)
		status := s.do(o["method"].(string), o["path"].(string), data)
		told = append(told, map[string]any{"bulkId": o["bulkId"], "method": o["method"], "status": strconv.Itoa(status), "location": "https://crm.example/acme/scim/v2/Users/" + user(data).text("id")})
	}
	if s.spoil != nil {
		if res := s.spoil(s.calls["POST /Bulk"], operations); res != nil {
			return res
		}
	}
	text, _ := json.Marshal(map[string]any{"Operations": told})
	return answer(200, string(text))
}

func (s *crowded) total() (n int) {
	for _, calls := range s.calls {
		n += calls
	}
	return n
}

// send so many agents at once.
func send(t *testing.T, c *Connector, n int, change func(*Change)) *sync.WaitGroup {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			one := Change{Tenant: "acme", Agent: &provisioningv1.Agent{Id: fmt.Sprint("a", i), Name: "Agent"}}
			change(&one)
			if a, err := c.Send(t.Context(), one); err != nil || a.Refused != "" {
				t.Errorf("agent %d: %+v, %v", i, a, err)
			}
		})
	}
	return &all
}

func TestWhatIsNotUrgentTravelsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &crowded{offers: offersAll, users: map[string]user{}, calls: map[string]int{}}
		c := to(s.RoundTrip, inBulk)
		all := send(t, c, 100, func(*Change) {})
		<-time.After(50 * time.Millisecond)
		began := time.Now()
		one := ann()
		one.Urgent = true
		if a, err := c.Send(t.Context(), one); err != nil || a != (Answer{Attempts: 1}) || time.Since(began) != 200*time.Millisecond {
			t.Errorf("the urgent one: %+v, %v, after %s; want its own two calls", a, err, time.Since(began))
		}
		all.Wait()
		if len(s.users) != 101 {
			t.Errorf("%d users, want 101", len(s.users))
		}
		if s.calls["POST /Bulk"] == 0 || s.total() > 50 {
			t.Errorf("calls %v for 101 agents: nearly each by itself", s.calls)
		}
		created := s.total()
		send(t, c, 100, func(*Change) {}).Wait() // it is so already
		if s.calls["POST /Bulk"] > created || s.total()-created > 25 {
			t.Errorf("calls %v, %d of them to find that nothing is to be done", s.calls, s.total()-created)
		}
		send(t, c, 100, func(change *Change) { change.Agent.Name = "Renamed" }).Wait()
		for external, u := range s.users {
			if u.text("displayName") != "Renamed" && external != "acme/ann@home" {
				t.Errorf("%s is %v", external, u)
			}
		}
		send(t, c, 100, func(change *Change) { change.Deleted = true }).Wait()
		if len(s.users) != 1 {
			t.Errorf("%d users are left, want one", len(s.users))
		}
	})
}

func TestWhatABulkRequestIsAnswered(t *testing.T) {
	once := func(status int, body string) func(int, []map[string]any) *http.Response {
		return func(calls int, _ []map[string]any) *http.Response {
			if calls > 1 {
				return nil
			}
			return answer(status, body)
		}
	}
	for _, c := range []struct {
		name    string
		offers  string
		refuses int
		spoil   func(int, []map[string]any) *http.Response
		bulk    string // what must hold of the number of bulk requests
	}{
		{"as it should", offersAll, 0, nil, "some"},
		{"not offered", `{"bulk":{"supported":false,"maxOperations":10}}`, 0, nil, "none"},
		{"of no size", `{"bulk":{"supported":true}}`, 0, nil, "none"},
		{"not there after all", offersAll, 404, nil, "one"},
		{"too large", offersAll, 413, nil, "one"},
		{"goes wrong after the fact", offersAll, 0, once(502, ""), "some"},
		{"breaks off", offersAll, 0, once(200, `{"Operations":[{"bulkId"`), "some"},
		{"tells of nothing", offersAll, 0, once(200, `{"Operations":[]}`), "some"},
		{"tells of others", offersAll, 0, once(200, `{"Operations":[{"bulkId":"x","status":"201"},{"bulkId":"99","status":"201"},{"bulkId":"-1","status":"201"}]}`), "some"},
		{"has no status", offersAll, 0, once(200, `{"Operations":[{"bulkId":"0"},{"bulkId":"1"}]}`), "some"},
		{"no filter", strings.Replace(offersAll, `"filter":{"supported":true}`, `"filter":{}`, 1), 0, nil, "some"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &crowded{offers: c.offers, refuses: c.refuses, spoil: c.spoil, users: map[string]user{}, calls: map[string]int{}}
				d := to(s.RoundTrip, func(cfg *Config) { inBulk(cfg); cfg.BreakAfter = 100 })
				send(t, d, 30, func(*Change) {}).Wait()
				ids := map[string]bool{}
				for _, u := range s.users {
					ids[u.text("id")] = true
				}
				if len(s.users) != 30 || len(ids) != 30 {
					t.Errorf("%d users with %d ids, want 30", len(s.users), len(ids))
				}
				n := s.calls["POST /Bulk"]
				if c.bulk == "none" && n != 0 || c.bulk == "one" && n != 1 || c.bulk == "some" && n < 2 {
					t.Errorf("%d bulk requests, want %s; calls %v", n, c.bulk, s.calls)
				}
			})
		})
	}
}

func TestOneOfABundleIsRefusedAndTheOthersAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &crowded{offers: offersAll, users: map[string]user{}, calls: map[string]int{}}
		inCompany := false
		s.spoil = func(_ int, operations []map[string]any) *http.Response {
			var told []string
			for _, o := range operations {
				outcome := `"status":"201"`
				if o["data"].(map[string]any)["externalId"] == "acme/a7" {
					inCompany = true
					outcome = `"status":"400","response":{"detail":"no such team, secret"}`
				}
				told = append(told, fmt.Sprintf(`{"bulkId":%q,%s}`, o["bulkId"], outcome))
			}
			return answer(200, `{"Operations":[`+strings.Join(told, ",")+`]}`)
		}
		c := to(s.RoundTrip, func(cfg *Config) { inBulk(cfg); cfg.Token = "secret" })
		var all sync.WaitGroup
		refused := make([]string, 20)
		for i := range refused {
			all.Go(func() {
				a, err := c.Send(t.Context(), Change{Tenant: "acme", Agent: &provisioningv1.Agent{Id: fmt.Sprint("a", i)}})
				if err != nil || a.Attempts != 1 {
					t.Errorf("agent %d: %+v, %v", i, a, err)
				}
				refused[i] = a.Refused
			})
		}
		all.Wait()
		for i, words := range refused {
			if i == 7 && inCompany {
				if !strings.HasPrefix(words, `400 Bad Request: {"detail":"no such team`) || strings.Contains(words, "secret") {
					t.Errorf("agent 7 was refused with %q", words)
				}
			} else if words != "" {
				t.Errorf("agent %d was refused: %s", i, words)
			}
		}
	})
}

func TestABundleFitsTheServersLimits(t *testing.T) {
	one := operation{Method: http.MethodPost, Path: "/Users", Data: json.RawMessage(strings.Repeat("x", 1000))}
	all := []operation{one, one, one, one, one, one}
	for name, c := range map[string]struct {
		can  ability
		want int
	}{
		"all":                {ability{bulk: 10}, 6},
		"so many operations": {ability{bulk: 4}, 4},
		"so many bytes":      {ability{bulk: 10, payload: 4000}, 3},
		"not even one":       {ability{bulk: 10, payload: 100}, 1},
	} {
		if got := c.can.fitting(all); got != c.want {
			t.Errorf("%s: %d of 6, want %d", name, got, c.want)
		}
	}
}
