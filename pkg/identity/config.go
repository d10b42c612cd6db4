package identity

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Config says whose tokens are taken, and what they say.
type Config struct {
	Issuer    string        `key:"issuer" doc:"OpenID Connect issuer whose tokens are taken, such as https://login.example.com/realms/main. Its keys are found by discovery and change as it changes them."`
	JWKS      string        `key:"jwks" doc:"File or URL of the keys of tokens (a JWK set), instead of discovery."`
	Audience  string        `key:"audience" doc:"Audience that a token must name; needed with auth.issuer and auth.jwks."`
	Leeway    time.Duration `key:"leeway" default:"30s" doc:"How far the issuer's clock may be off."`
	Claims    ClaimsConfig  `key:"claims"`
	Anonymous bool          `key:"anonymous" default:"false" doc:"Whoever has no token may do everything. For a network that you trust."`
	Rate      float64       `key:"rate" default:"0" doc:"Requests a second that an identity may make; 0: any number. Without a token the address counts."`
	Burst     int           `key:"burst" default:"50" doc:"Requests that it may make at once, before auth.rate holds."`
	ClientID  string        `key:"client-id" doc:"Client by which the page has people log in at auth.issuer (authorization code with PKCE, a public client). Empty: the page asks for a token."`
	Scopes    string        `key:"scopes" default:"openid" doc:"Scopes that the page asks for, spaces between."`
}

// ClaimsConfig names the claims. Dots lead inwards, as in realm_access.roles.
type ClaimsConfig struct {
	Roles  string `key:"roles" default:"roles" doc:"Claim with the roles: agent, supervisor, switch, admin, service. Others are passed over."`
	Tenant string `key:"tenant" default:"tenant" doc:"Claim with the tenant or the tenants; * is all."`
	Agent  string `key:"agent" default:"agent" doc:"Claim with the id of the agent that role agent acts as."`
}

// Guarded says whether tokens are taken at all.
func (c *Config) Guarded() bool { return c.Issuer != "" || c.JWKS != "" }

// Validate says everything that is wrong, at once.
func (c *Config) Validate() error {
	var problems []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	want(!c.Guarded() || c.Audience != "", "auth.audience: name the audience of the tokens that are meant for Busyhour; without it, those for other programs would be taken")
	want(c.Issuer == "" || isURL(c.Issuer), "auth.issuer: %q is no http or https address", c.Issuer)
	want(c.Leeway >= 0 && c.Leeway <= 5*time.Minute, "auth.leeway: %s is not between 0 and 5m", c.Leeway)
	want(c.Claims.Roles != "" && c.Claims.Tenant != "" && c.Claims.Agent != "" || !c.Guarded(), "auth.claims: roles, tenant and agent each need a name")
	want(c.Rate >= 0, "auth.rate: %g is no rate; 0 is none", c.Rate)
	want(c.Rate == 0 || c.Burst > 0, "auth.burst: %d lets no request pass", c.Burst)
	want(c.ClientID == "" || c.Issuer != "", "auth.client-id: there is no auth.issuer to log in at")
	return errors.Join(problems...)
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
