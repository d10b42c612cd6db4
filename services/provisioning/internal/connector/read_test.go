package connector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestReadingASCIMUserBack(t *testing.T) {
	same := strings.Replace(beaAsUser, "{", `{"id":"7","title":"Dr",`, 1)
	for _, c := range []struct {
		name    string
		answers []any
		want    []string
		found   bool
		fails   string
	}{
		{"as it should be", []any{200, there(same)}, nil, true, ""},
		{"absent", []any{200, there()}, nil, false, ""},
		{"another", []any{200, there(strings.NewReplacer(`"displayName": "Bea Ång"`, `"displayName": "Old"`, `"type": "work"`, `"type": "home"`, `"active": true,`, "", "80", "7").Replace(same))}, []string{
			`displayName is "Old", should be "Bea Ång"`,
			`active is missing, should be true`,
			`phoneNumbers[type eq "work"] is missing, should be {"type":"work","value":"1002"}`,
			agentSchema + `:skills is [{"level":7,"name":"english"}], should be [{"level":80,"name":"english"}]`,
		}, true, ""},
		{"with too much", []any{200, there(strings.Replace(same, `"queues": ["sales"]`, `"queues": ["sales"], "vip": true`, 1))}, []string{
			agentSchema + ":vip is true, should not be there",
		}, true, ""},
		{"in two places", []any{200, there(same, same)}, nil, false, `read agent bea back from crm: it has 2 users with the externalId "acme/bea": leave one`},
		{"refused", []any{403, "no"}, nil, false, "read agent bea back from crm: 403 Forbidden: no"},
		{"at last", []any{503, "", 429, "", 200, there(same)}, nil, true, ""},
		{"never", []any{500, "", 500, "", 500, "", 500, ""}, nil, false, "read agent bea back from crm: it went wrong 4 times, at last: 500 Internal Server Error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				d := to(func(r *http.Request) (*http.Response, error) {
					if got := spelled(r); got != "GET e" || calls+1 >= len(c.answers) {
						return answer(418, "not expected: "+got), nil
					}
					calls += 2
					return answer(c.answers[calls-2].(int), c.answers[calls-1].(string)), nil
				}, asSCIM)
				got, found, err := d.Read(t.Context(), "acme", bea().Agent)
				if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) || found != c.found || (c.fails == "") != (err == nil) || err != nil && err.Error() != c.fails {
					t.Errorf("read %q, %v, %v, want %q, %v, %q", got, found, err, c.want, c.found, c.fails)
				}
			})
		})
	}
}

func TestReadingBackOverPlainHTTP(t *testing.T) {
	for _, c := range []struct {
		name   string
		body   string
		status int
		there  string
		want   []string
		found  bool
		fails  string
	}{
		{"as it should be", "", 200, `{"id":"bea","name":"Bea Ång","address":"1002","queueIds":["sales"],"skills":[{"name":"english","level":80.0,"id":3}],"capacity":[{"channel":"CHANNEL_CHAT","contacts":3}],"more":1}`, nil, true, ""},
		{"another", "", 200, `{"id":"bea","name":"B","queueIds":["sales","help"],"skills":[{"name":"english","level":"80"}],"capacity":{}}`, []string{
			`address is missing, should be "1002"`, `capacity is {}, should be [{"channel":"CHANNEL_CHAT","contacts":3}]`,
			`name is "B", should be "Bea Ång"`, `queueIds is ["sales","help"], should be ["sales"]`, `skills[0].level is "80", should be 80`,
		}, true, ""},
		{"by the template", `{"who": {"login": {{json .agent.id}}}}`, 200, `{"who":{"login":"BEA","x":1}}`, []string{`who.login is "BEA", should be "bea"`}, true, ""},
		{"absent", "", 404, "", nil, false, ""},
		{"gone", "", 410, "", nil, false, ""},
		{"nonsense", "", 200, "[]", nil, false, "it went wrong 4 times, at last: 200 OK: [], which is no JSON object"},
		{"refused", "", 403, "", nil, false, "403 Forbidden"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := to(func(r *http.Request) (*http.Response, error) {
					if got := r.Method + " " + r.URL.String(); got != "GET https://crm.example/acme/bea" {
						t.Errorf("called %s", got)
					}
					return answer(c.status, c.there), nil
				}, func(cfg *Config) {
					cfg.ReadURL, cfg.Body, cfg.Success = "https://crm.example/{tenant}/{id}", c.body, []string{"299"}
					if err := cfg.Validate(); err != nil {
						t.Error(err)
					}
				})
				got, found, err := d.Read(t.Context(), "acme", bea().Agent)
				if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) || found != c.found || (c.fails == "") != (err == nil) || err != nil && !strings.HasSuffix(err.Error(), ": "+c.fails) {
					t.Errorf("read %q, %v, %v, want %q, %v, %q", got, found, err, c.want, c.found, c.fails)
				}
			})
		})
	}
}

func TestWhereNothingCanBeRead(t *testing.T) {
	c := to(func(*http.Request) (*http.Response, error) { return nil, errors.New("called") }, nil)
	if _, _, err := c.Read(t.Context(), "acme", bea().Agent); !errors.Is(err, ErrUnreadable) {
		t.Errorf("%v, want ErrUnreadable", err)
	}
	if got, found, err := (*Connector)(nil).Read(t.Context(), "acme", bea().Agent); len(got) > 0 || !found || err != nil {
		t.Errorf("without a downstream: %q, %v, %v", got, found, err)
	}
}

func TestReadingWaitsAsBulkChangesDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := to(func(r *http.Request) (*http.Response, error) {
			<-time.After(5 * time.Second)
			return answer(200, there()), nil
		}, func(cfg *Config) { asSCIM(cfg); cfg.Concurrency, cfg.Rate = 2, 100 })
		gone := bea()
		gone.Deleted = true
		began := time.Now()
		first := make(chan error)
		go func() { _, err := d.Send(t.Context(), gone); first <- err }()
		synctest.Wait()
		if _, _, err := d.Read(t.Context(), "acme", bea().Agent); err != nil || time.Since(began) != 10*time.Second {
			t.Errorf("%v, after %s, want it after the other", err, time.Since(began))
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
		d.pace.pause(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, _, err := d.Read(ctx, "acme", bea().Agent); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v in a pause", err)
		}
	})
}
