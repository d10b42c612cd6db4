package connector

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says what the downstream is and how it is to be treated.
type Config struct {
	URL         string        `key:"url" doc:"Where an agent is put, for instance https://crm.example/agents/{id}; {tenant} and {id} are filled in. Empty: there is no downstream."`
	Method      string        `key:"method" default:"PUT" doc:"How an agent is put: PUT or POST."`
	DeleteURL   string        `key:"delete_url" doc:"Where an agent is deleted; empty: url."`
	Token       string        `key:"token" doc:"Sent as Authorization: Bearer." secret:"true"`
	Timeout     time.Duration `key:"timeout" default:"10s" doc:"Of one call."`
	Attempts    int           `key:"attempts" default:"6" doc:"Calls that may go wrong before an item has failed. A downstream that asks for patience (429) does not count."`
	BackoffMin  time.Duration `key:"backoff.min" default:"200ms" doc:"First pause after a call that went wrong; it doubles, with jitter."`
	BackoffMax  time.Duration `key:"backoff.max" default:"10s" doc:"Longest such pause."`
	Concurrency int           `key:"concurrency" default:"16" doc:"Calls under way at once, of one pod."`
	BreakAfter  int           `key:"break.after" default:"10" doc:"Calls in a row that go wrong before no more are made for a while."`
	BreakFor    time.Duration `key:"break.for" default:"5s" doc:"How long none are made; then one is tried."`
}

// Validate says everything that is wrong, at once.
func (c *Config) Validate() error {
	if c.URL == "" {
		return nil
	}
	var problems []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf("downstream."+format, args...))
		}
	}
	want(absolute(c.URL), "url: %q is not an http or https address", c.URL)
	want(c.DeleteURL == "" || absolute(c.DeleteURL), "delete_url: %q is not an http or https address", c.DeleteURL)
	want(strings.Contains(c.deleteURL(), "{id}"), "delete_url: %q has no {id}, so every deletion would go to the same place", c.deleteURL())
	want(c.Method == http.MethodPut || c.Method == http.MethodPost, "method: %q is neither PUT nor POST", c.Method)
	want(c.Timeout > 0, "timeout: %s is no time to answer", c.Timeout)
	want(c.Attempts > 0, "attempts: %d, at least 1 is needed", c.Attempts)
	want(c.BackoffMin > 0 && c.BackoffMin <= c.BackoffMax, "backoff: min %s must be above 0 and not above max %s", c.BackoffMin, c.BackoffMax)
	want(c.Concurrency > 0, "concurrency: %d, at least 1 is needed", c.Concurrency)
	want(c.BreakAfter > 0, "break.after: %d, at least 1 is needed", c.BreakAfter)
	want(c.BreakFor > 0, "break.for: %s is no pause", c.BreakFor)
	return errors.Join(problems...)
}

func (c *Config) deleteURL() string {
	if c.DeleteURL == "" {
		return c.URL
	}
	return c.DeleteURL
}

func absolute(address string) bool {
	u, err := url.Parse(strings.NewReplacer("{tenant}", "x", "{id}", "x").Replace(address))
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
