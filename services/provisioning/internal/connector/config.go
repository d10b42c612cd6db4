package connector

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// The kinds of downstreams.
const (
	kindHTTP = "http"
	kindSCIM = "scim"
)

// Config says what the downstream is and how it is to be treated.
type Config struct {
	// under is what the keys stand under; see Place.
	under string

	Name              string        `key:"name" doc:"What people and metrics call it; the prefix of its keys if it is not set. Letters, digits, - and _, up to 64."`
	Kind              string        `key:"kind" default:"http" doc:"http: an agent is put as JSON at an address of its own. scim: an agent is a user of a SCIM 2.0 server."`
	URL               string        `key:"url" doc:"http: where an agent is put, for instance https://crm.example/agents/{id}; scim: where the server is, for instance https://crm.example/scim/v2. {tenant}, and for http {id}, are filled in. Empty: there is no downstream."`
	Groups            bool          `key:"groups" default:"false" doc:"scim: queues are groups there, and an agent's user is a member of those of their queues."`
	Bulk              bool          `key:"bulk" default:"false" doc:"scim: reads and writes that are not urgent travel together, where the server says that it takes bulk requests: for one that counts calls, or is far away."`
	Method            string        `key:"method" default:"PUT" doc:"http: how an agent is put, PUT or POST."`
	DeleteURL         string        `key:"delete_url" doc:"http: where an agent is deleted; empty: url."`
	DeleteMethod      string        `key:"delete_method" default:"DELETE" doc:"http: how an agent is deleted, DELETE, POST, PUT or PATCH; there is no body."`
	ReadURL           string        `key:"read_url" doc:"http: where an agent is read back as JSON, by GET; {tenant} and {id} are filled in. Empty: it is not."`
	Body              string        `key:"body" doc:"http: what is sent, a Go text/template over .agent (the agent as JSON), .tenant and .key; the function json quotes. Empty: the agent as JSON."`
	ContentType       string        `key:"content_type" default:"application/json" doc:"http: of the body."`
	Success           []string      `key:"success" default:"200-299" doc:"http: answers that are taken, statuses and ranges of them such as 200-299,409. 404 and 410 to a deletion are, too."`
	IdempotencyHeader string        `key:"idempotency_header" default:"Idempotency-Key" doc:"http: header with what is the same for every call of the same change. Empty, by flag or in the file: none."`
	Token             string        `key:"token" doc:"Sent as Authorization: Bearer." secret:"true"`
	TokenFile         string        `key:"token_file" doc:"File with the token, instead of token. It is read for each call, so a new token needs no restart."`
	User              string        `key:"user" doc:"Sent with the password as Authorization: Basic, instead of token."`
	Password          string        `key:"password" doc:"The password of user." secret:"true"`
	PasswordFile      string        `key:"password_file" doc:"File with the password, instead of password. It is read for each call, so a new password needs no restart."`
	OAuth2            OAuth2        `key:"oauth2"`
	TLS               TLS           `key:"tls"`
	Private           bool          `key:"private" default:"false" doc:"The downstream may be at an address that is not public: loopback, private, link-local."`
	Timeout           time.Duration `key:"timeout" default:"10s" doc:"Of one call."`
	Attempts          int           `key:"attempts" default:"6" doc:"Calls that may go wrong before an item has failed. A downstream that asks for patience (429) does not count."`
	BackoffMin        time.Duration `key:"backoff.min" default:"200ms" doc:"First pause after a call that went wrong; it doubles, with jitter."`
	BackoffMax        time.Duration `key:"backoff.max" default:"10s" doc:"Longest such pause."`
	Concurrency       int           `key:"concurrency" default:"16" doc:"Calls under way at once, of one pod. An eighth of them, at least one of two or more, is for urgent changes alone."`
	Rate              float64       `key:"rate" default:"0" doc:"Calls per second, of one pod; 0: no limit."`
	Burst             int           `key:"burst" default:"0" doc:"Calls that may be made at once after a while without any, within rate; 0: a tenth of rate, at least 1."`
	BreakAfter        int           `key:"break.after" default:"10" doc:"Calls in a row that go wrong before no more are made for a while."`
	BreakFor          time.Duration `key:"break.for" default:"5s" doc:"How long none are made; then one is tried."`
	Compensate        bool          `key:"compensate" default:"false" doc:"If another downstream refuses an item that this one has taken, this one is told to put the agent back as it was before the item."`
}

// Place says under what prefix the keys stand, for instance downstream2: errors name them so. It is the name, unless there
// is another.
func (c *Config) Place(under string) {
	c.under = under
	if c.Name == "" {
		c.Name = under
	}
}

// key as it is written in a configuration.
func (c *Config) key(name string) string {
	if c.under == "" {
		return "downstream." + name
	}
	return c.under + "." + name
}

// Validate says everything that is wrong, at once.
func (c *Config) Validate() error {
	if c.URL == "" {
		return nil
	}
	var problems []error
	want := want(func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(c.key(format), args...))
		}
	})
	want(isName(c.Name), "name: %q is no name; use letters, digits, - and _, up to 64", c.Name)
	want.address("url", c.URL)
	if c.DeleteURL != "" {
		want.address("delete_url", c.DeleteURL)
	}
	c.checkCredentials(want)
	c.TLS.check(want, c.URL)
	want(c.Private || !knownPrivate(c.URL) && !knownPrivate(c.DeleteURL) && !knownPrivate(c.ReadURL), "private: the downstream is at an address that is not public; set it to true if that is meant")
	want(c.Timeout > 0, "timeout: %s is no time to answer", c.Timeout)
	want(c.Attempts > 0, "attempts: %d, at least 1 is needed", c.Attempts)
	want(c.BackoffMin > 0 && c.BackoffMin <= c.BackoffMax, "backoff: min %s must be above 0 and not above max %s", c.BackoffMin, c.BackoffMax)
	want(c.Concurrency > 0, "concurrency: %d, at least 1 is needed", c.Concurrency)
	want(c.Rate >= 0 && !math.IsInf(c.Rate, 0), "rate: %v is no number of calls per second; 0 is no limit", c.Rate)
	want(c.Burst >= 0, "burst: %d, at least 1 is needed, or 0 for a tenth of rate", c.Burst)
	want(c.BreakAfter > 0, "break.after: %d, at least 1 is needed", c.BreakAfter)
	want(c.BreakFor > 0, "break.for: %s is no pause", c.BreakFor)
	switch c.Kind {
	case kindHTTP:
		c.checkPlain(want)
		want(!c.Groups, "groups: of kind scim only, leave it out")
		want(!c.Bulk, "bulk: of kind scim only, leave it out")
	case kindSCIM:
		want(!strings.ContainsAny(c.URL, "?#") && !strings.Contains(c.URL, "{id}"), "url: %q is not where a SCIM server is: leave out {id}, ? and #", c.URL)
		want(c.DeleteURL == "", "delete_url: of kind http only, leave it out")
		want(c.ReadURL == "", "read_url: of kind http only, leave it out")
		want(c.Body == "", "body: of kind http only, leave it out")
	default:
		want(false, "kind: %q is neither %s nor %s", c.Kind, kindHTTP, kindSCIM)
	}
	return errors.Join(problems...)
}

func isName(name string) bool {
	for _, r := range name {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_') {
			return false
		}
	}
	return 0 < len(name) && len(name) <= 64
}

func (c *Config) burst() int {
	if c.Burst > 0 {
		return c.Burst
	}
	return max(int(c.Rate/10), 1)
}

func (c *Config) deleteURL() string {
	if c.DeleteURL == "" {
		return c.URL
	}
	return c.DeleteURL
}

// want notes a problem, unless all is well. Its text begins with the key and says what to do.
type want func(ok bool, format string, args ...any)

// address does not repeat one with a password in it.
func (w want) address(key, address string) {
	u, err := parse(address)
	if err == nil && u.User != nil {
		w(false, "%s: there is a user in the address; leave it out, and set user and password", key)
		return
	}
	w(absolute(address) || strings.Contains(address, "@"), "%s: %q is not an http or https address", key, address)
	w(absolute(address) || !strings.Contains(address, "@"), "%s: it is not an http or https address", key)
}

func absolute(address string) bool {
	u, err := parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// knownPrivate says that an address is not public without asking anybody. What a name stands for is seen when it is dialled.
func knownPrivate(address string) bool {
	u, err := parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && !public(ip) || u.Hostname() == "localhost"
}

func parse(address string) (*url.URL, error) {
	return url.Parse(strings.NewReplacer("{tenant}", "x", "{id}", "x").Replace(address))
}
