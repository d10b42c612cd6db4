package connector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// downstream answers by a function instead of a socket, so that waiting costs no time under synctest.
type downstream func(*http.Request) (*http.Response, error)

func (d downstream) RoundTrip(r *http.Request) (*http.Response, error) { return d(r) }

func answer(status int, body string, headers ...string) *http.Response {
	res := &http.Response{StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	for i := 0; i < len(headers); i += 2 {
		res.Header.Set(headers[i], headers[i+1])
	}
	return res
}

func config() Config {
	return Config{
		Name: "crm", Kind: kindHTTP, URL: "https://crm.example/{tenant}/agents/{id}", Method: http.MethodPut,
		DeleteMethod: http.MethodDelete, ContentType: "application/json", Success: []string{"200-299"}, IdempotencyHeader: "Idempotency-Key",
		Timeout: 10 * time.Second, Attempts: 4,
		BackoffMin: 200 * time.Millisecond, BackoffMax: 10 * time.Second, Concurrency: 16, BreakAfter: 10, BreakFor: 5 * time.Second,
	}
}

func to(d downstream, change func(*Config)) *Connector {
	cfg := config()
	if change != nil {
		change(&cfg)
	}
	c := New(cfg, zap.NewNop(), prometheus.NewRegistry())
	w := newWire(cfg, c.pace, c.metrics)
	w.http.Transport = d
	c.way = wayTo(cfg, w)
	return c
}

func ann() Change {
	return Change{Tenant: "acme", Agent: &provisioningv1.Agent{Id: "ann@home", Name: "Ann"}, Key: "j-1/7"}
}

func TestWhatIsSent(t *testing.T) {
	var got []string
	c := to(func(r *http.Request) (*http.Response, error) {
		var body []byte
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
		}
		got = append(got, fmt.Sprint(r.Method, " ", r.URL, " ", r.Header.Get("Idempotency-Key"), " ", r.Header.Get("Authorization"), " ", strings.ReplaceAll(string(body), " ", "")))
		return answer(200, ""), nil
	}, func(cfg *Config) { cfg.Token = "secret" })
	gone := ann()
	gone.Deleted = true
	for _, change := range []Change{ann(), gone} {
		if a, err := c.Send(t.Context(), change); err != nil || a != (Answer{Attempts: 1}) {
			t.Fatalf("answer %v, %v", a, err)
		}
	}
	want := []string{
		`PUT https://crm.example/acme/agents/ann@home j-1/7 Bearer secret {"id":"ann@home","name":"Ann"}`,
		`DELETE https://crm.example/acme/agents/ann@home j-1/7 Bearer secret `,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("sent\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name     string
		status   int
		body     string
		deleted  bool
		attempts uint32
		refused  string
	}{
		{"taken", 201, "", false, 1, ""},
		{"refused in its own words", 422, "{\"error\":\"no\x00 such\\nteam\"}", false, 1, `422 Unprocessable Entity: {"error":"no such\nteam"}`},
		{"a redirect is refused", 302, "", false, 1, "302 Found"},
		{"not there, and to be deleted", 404, "", true, 1, ""},
		{"not there", 404, "", false, 1, "404 Not Found"},
		{"goes wrong", 500, "oops", false, 4, "it went wrong 4 times, at last: 500 Internal Server Error: oops"},
		{"says a lot", 400, strings.Repeat("é", 1000), false, 1, "400 Bad Request: " + strings.Repeat("é", 300) + "…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := to(func(*http.Request) (*http.Response, error) { return answer(c.status, c.body), nil }, nil)
				change := ann()
				change.Deleted = c.deleted
				a, err := d.Send(t.Context(), change)
				if want := (Answer{c.attempts, strings.ReplaceAll(c.refused, "\n", `\n`)}); err != nil || a != want {
					t.Errorf("answer %+v, %v, want %+v", a, err, want)
				}
			})
		})
	}
}

func TestAFaultIsTriedAgainUntilItGoesWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		d := to(func(r *http.Request) (*http.Response, error) {
			calls++
			switch calls {
			case 1:
				return nil, errors.New("connection reset by peer")
			case 2:
				<-r.Context().Done() // no answer
				return nil, r.Context().Err()
			}
			return answer(204, ""), nil
		}, nil)
		began := time.Now()
		a, err := d.Send(t.Context(), ann())
		if err != nil || a != (Answer{Attempts: 3}) {
			t.Errorf("answer %+v, %v", a, err)
		}
		if took := time.Since(began); took < 10*time.Second || took > 12*time.Second {
			t.Errorf("took %s, want one time-out and two short pauses", took)
		}
	})
}

func TestWhatNoAnswerIsCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := to(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, func(cfg *Config) { cfg.Attempts = 1 })
		if a, err := d.Send(t.Context(), ann()); err != nil || a.Refused != "it went wrong 1 times, at last: no answer within 10s" {
			t.Errorf("answer %+v, %v", a, err)
		}
	})
}

func TestPatienceIsKeptByAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var first atomic.Bool
		d := to(func(*http.Request) (*http.Response, error) {
			if first.CompareAndSwap(false, true) {
				return answer(429, "", "Retry-After", "30"), nil
			}
			if since := time.Since(began); since < 30*time.Second {
				t.Errorf("called again after %s", since)
			}
			return answer(200, ""), nil
		}, func(cfg *Config) { cfg.Concurrency = 1 })
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if a, err := d.Send(t.Context(), ann()); err != nil || a.Refused != "" {
					t.Errorf("answer %+v, %v: patience is no fault", a, err)
				}
			})
		}
		all.Wait()
	})
}

func TestADownstreamThatIsDownIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		down := atomic.Bool{}
		down.Store(true)
		d := to(func(*http.Request) (*http.Response, error) {
			calls.Add(1)
			if down.Load() {
				return answer(503, ""), nil
			}
			return answer(200, ""), nil
		}, func(cfg *Config) { cfg.Attempts = 1000 })
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if a, err := d.Send(t.Context(), ann()); err != nil || a.Refused != "" {
					t.Errorf("answer %+v, %v", a, err)
				}
			})
		}
		<-time.After(time.Minute)
		if n := calls.Load(); n > 16+16+13 { // what was under way, and one every 5 s
			t.Errorf("%d calls in a minute of being down", n)
		}
		down.Store(false)
		all.Wait()
		if err := d.Wait(t.Context()); err != nil {
			t.Errorf("still waits after it is back: %v", err)
		}
	})
}

func TestNothingIsDecidedWhenTheWorkerMustStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := to(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if a, err := d.Send(ctx, ann()); !errors.Is(err, context.DeadlineExceeded) || a.Refused != "" {
			t.Errorf("answer %+v, %v, want the end of the context", a, err)
		}
	})
}

func TestNoMoreThanTheLimitAreUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		d := to(func(*http.Request) (*http.Response, error) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			<-time.After(2 * time.Second)
			now.Add(-1)
			return answer(200, ""), nil
		}, func(cfg *Config) { cfg.Concurrency = 4 }) // one of them for urgent changes
		began := time.Now()
		var all sync.WaitGroup
		for range 9 {
			all.Go(func() { d.Send(t.Context(), ann()) })
		}
		all.Wait()
		if took := time.Since(began); most.Load() > 3 || took != 6*time.Second {
			t.Errorf("%d at once, took %s, want 3 and 6s", most.Load(), took)
		}
	})
}

func TestNoDownstreamTakesEverything(t *testing.T) {
	c := New(Config{}, zap.NewNop(), prometheus.NewRegistry())
	if a, err := c.Send(t.Context(), ann()); err != nil || a != (Answer{}) {
		t.Errorf("answer %+v, %v", a, err)
	}
	if err := c.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestConfigSaysAllThatIsWrong(t *testing.T) {
	if err := (&Config{}).Validate(); err != nil {
		t.Errorf("no downstream: %v", err)
	}
	cfg := config()
	if err := cfg.Validate(); err != nil {
		t.Errorf("a good one: %v", err)
	}
	all := []string{"url:", "timeout:", "attempts:", "backoff:", "concurrency:", "break.after:", "break.for:"}
	for _, c := range []struct {
		cfg  Config
		says []string
	}{
		{Config{Kind: kindHTTP, URL: "ftp://x", Method: "PATCH"}, append(all, "delete_url:", "method:", "delete_method:", "content_type:", "success: it is empty")},
		{Config{Kind: kindSCIM, URL: "https://x/{id}?a=b", DeleteURL: "https://x", ReadURL: "https://x", Body: "x", Token: "a", TokenFile: "b"}, append(all, "delete_url:", "read_url:", "body:", "token_file:")},
		{Config{Kind: "soap", URL: "http://10.0.0.1"}, []string{"kind:", "private:"}},
		{Config{URL: "http://localhost:80/{id}"}, []string{"private:"}},
	} {
		err := c.cfg.Validate()
		for _, want := range c.says {
			if err == nil || !strings.Contains(err.Error(), "downstream."+want) {
				t.Errorf("%v does not say %s", err, want)
			}
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "999999999999999999": maxPatience, "86400": maxPatience, "soon": 0,
		"Mon, 23 Nov 2026 12:01:00 GMT": time.Minute, "Mon, 23 Nov 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}
