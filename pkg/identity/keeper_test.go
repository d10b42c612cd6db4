package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/identity/identitytest"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// usual is how claims are named if nobody says otherwise.
var usual = ClaimsConfig{Roles: "roles", Tenant: "tenant", Agent: "agent"}

func provider(t testing.TB) *identitytest.Provider {
	t.Helper()
	p := identitytest.New()
	t.Cleanup(p.Close)
	return p
}

// keeper trusts the provider already.
func keeper(t testing.TB, p *identitytest.Provider, change func(*Config)) *Keeper {
	t.Helper()
	cfg := Config{Issuer: p.URL, Audience: identitytest.Audience, Claims: usual, Leeway: 30 * time.Second}
	if change != nil {
		change(&cfg)
	}
	k, err := New(cfg, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if err := k.discover(t.Context()); err != nil {
		t.Fatal(err)
	}
	return k
}

func reason(err error) string {
	if err == nil {
		return "ok"
	}
	no, ok := refusal.As(err)
	if !ok {
		return err.Error()
	}
	return no.Reason
}

func TestAGoodTokenSaysWhoAsks(t *testing.T) {
	p := provider(t)
	k := keeper(t, p, nil)
	who, err := k.Identify(t.Context(), p.Token(identitytest.Claims{"sub": "u-1", "tenant": []string{"acme", "demo"}, "agent": "ann", "roles": "agent supervisor"}))
	if err != nil {
		t.Fatal(err)
	}
	if who.Subject != "u-1" || who.Agent != "ann" || !slices.Equal(who.Tenants, []string{"acme", "demo"}) || !slices.Equal(who.Roles, []string{"agent", "supervisor"}) {
		t.Errorf("%+v", who)
	}
	if !who.Of("demo") || who.Of("other") || who.Token() == "" || who.Expires.Before(time.Now()) {
		t.Errorf("%+v", who)
	}
}

func TestTokensThatAreNotTaken(t *testing.T) {
	p, other := provider(t), provider(t)
	k := keeper(t, p, nil)
	public, err := json.Marshal(p.Keys().Keys[0])
	if err != nil {
		t.Fatal(err)
	}
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+p.URL+`","aud":"busyhour","sub":"u","exp":99999999999}`)) + "."
	for name, c := range map[string]struct{ token, reason string }{
		"no token":                          {"", "TOKEN_MISSING"},
		"no JWT":                            {"abc", "TOKEN_INVALID"},
		"too long":                          {strings.Repeat("a", longestToken+1), "TOKEN_INVALID"},
		"expired":                           {p.Token(identitytest.Claims{"exp": time.Now().Add(-time.Minute).Unix()}), "TOKEN_EXPIRED"},
		"expired within the leeway":         {p.Token(identitytest.Claims{"exp": time.Now().Add(-10 * time.Second).Unix()}), "ok"},
		"without an end":                    {p.Token(identitytest.Claims{"exp": nil}), "TOKEN_EXPIRED"},
		"not yet good":                      {p.Token(identitytest.Claims{"nbf": time.Now().Add(time.Hour).Unix()}), "TOKEN_INVALID"},
		"of another audience":               {p.Token(identitytest.Claims{"aud": "mail"}), "TOKEN_INVALID"},
		"of several audiences, ours too":    {p.Token(identitytest.Claims{"aud": []string{"mail", "busyhour"}}), "ok"},
		"of no audience":                    {p.Token(identitytest.Claims{"aud": nil}), "TOKEN_INVALID"},
		"of another issuer":                 {other.Token(nil), "TOKEN_INVALID"},
		"of another issuer that names ours": {other.Token(identitytest.Claims{"iss": p.URL}), "TOKEN_INVALID"},
		"our keys, another issuer":          {p.Token(identitytest.Claims{"iss": other.URL}), "TOKEN_INVALID"},
		"HS256 with our public key":         {p.Symmetric(public, nil), "TOKEN_INVALID"},
		"signed by nobody":                  {unsigned, "TOKEN_INVALID"},
		"without a subject":                 {p.Token(identitytest.Claims{"sub": nil}), "TOKEN_INVALID"},
	} {
		if _, err := k.Identify(t.Context(), c.token); reason(err) != c.reason {
			t.Errorf("%s: %v, want %s", name, err, c.reason)
		}
	}
}

func TestATokenThatWasChangedIsNotTaken(t *testing.T) {
	p := provider(t)
	k := keeper(t, p, nil)
	parts := strings.Split(p.Token(identitytest.Claims{"roles": "agent"}), ".")
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"` + p.URL + `","aud":"busyhour","sub":"u","exp":99999999999,"roles":"admin"}`))
	if _, err := k.Identify(t.Context(), strings.Join(parts, ".")); reason(err) != "TOKEN_INVALID" {
		t.Error(err)
	}
}

func TestANewKeyIsFetchedAndOldOnesAreForgotten(t *testing.T) {
	p := provider(t)
	k := keeper(t, p, nil)
	old := p.Token(nil)
	if _, err := k.Identify(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	p.Rotate()
	if _, err := k.Identify(t.Context(), p.Token(nil)); err != nil {
		t.Errorf("a token of the new key: %v", err)
	}
	if _, err := k.Identify(t.Context(), old); err != nil {
		t.Errorf("a token that was verified a moment ago: %v", err)
	}
	later := time.Now().Add(verifiedFor + time.Second)
	k.now = func() time.Time { return later }
	if _, err := k.Identify(t.Context(), old); reason(err) != "TOKEN_INVALID" {
		t.Errorf("a token of the old key, a minute later: %v", err)
	}
}

func TestTokensWithUnknownKeysDoNotFloodTheIssuer(t *testing.T) {
	p, other := provider(t), provider(t)
	k := keeper(t, p, nil)
	for range 100 {
		if _, err := k.Identify(t.Context(), other.Token(identitytest.Claims{"iss": p.URL})); reason(err) != "TOKEN_INVALID" {
			t.Fatal(err)
		}
	}
	if n := p.Asked.Load(); n > askBurst {
		t.Errorf("asked %d times", n)
	}
}

func TestAnIssuerThatIsAwayIsUnavailableAndFoundLater(t *testing.T) {
	p := provider(t)
	p.Away.Store(true)
	k, err := New(Config{Issuer: p.URL, Audience: identitytest.Audience, Claims: usual}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if err := k.discover(t.Context()); err == nil {
		t.Fatal("it was found though it is away")
	}
	if _, err := k.Identify(t.Context(), p.Token(nil)); reason(err) != "ISSUER_AWAY" {
		t.Errorf("%v", err)
	}
	p.Away.Store(false)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	for {
		_, err := k.Identify(t.Context(), p.Token(nil))
		if err == nil {
			break
		}
		if reason(err) != "ISSUER_AWAY" || t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
	if page := k.Page(); page.TokenURL != p.URL+"/token" || page.Anonymous {
		t.Errorf("%+v", page)
	}
}

func TestKeysThatCannotBeFetchedAreUnavailable(t *testing.T) {
	p := provider(t)
	k := keeper(t, p, nil)
	p.Away.Store(true)
	if _, err := k.Identify(t.Context(), p.Token(nil)); reason(err) != "ISSUER_AWAY" {
		t.Errorf("%v", err)
	}
}

func TestKeysInAFile(t *testing.T) {
	p := provider(t)
	path := filepath.Join(t.TempDir(), "jwks.json")
	write := func(age time.Duration) {
		text, err := json.Marshal(p.Keys())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write(time.Hour)
	k, err := New(Config{JWKS: path, Audience: identitytest.Audience, Claims: usual}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Identify(t.Context(), p.Token(nil)); err != nil {
		t.Error(err)
	}
	p.Rotate()
	write(0)
	if _, err := k.Identify(t.Context(), p.Token(nil)); err != nil {
		t.Errorf("a file with a new key: %v", err)
	}
	if err := os.WriteFile(path, []byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{JWKS: path, Audience: "a"}, zap.NewNop()); err == nil {
		t.Error("a symmetric key was taken")
	}
}

func TestWhoeverComesWithoutAToken(t *testing.T) {
	p := provider(t)
	k := keeper(t, p, func(c *Config) { c.Anonymous = true })
	if who, err := k.Identify(t.Context(), ""); err != nil || !who.Anonymous {
		t.Errorf("%+v, %v", who, err)
	}
	if _, err := k.Identify(t.Context(), "bad"); reason(err) != "TOKEN_INVALID" {
		t.Errorf("a bad token is worse than none: %v", err)
	}
	open, err := New(Config{}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	if who, err := open.Identify(t.Context(), "anything"); err != nil || !who.Anonymous {
		t.Errorf("%+v, %v", who, err)
	}
}

func TestWhoAsksTooOftenWaitsAndOthersDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, err := New(Config{Rate: 10, Burst: 2}, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		got := []string{reason(k.Spend("a")), reason(k.Spend("a")), reason(k.Spend("a")), reason(k.Spend("b"))}
		if !slices.Equal(got, []string{"ok", "ok", "RATE_LIMIT", "ok"}) {
			t.Error(got)
		}
		<-time.After(100 * time.Millisecond)
		if err := k.Spend("a"); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	r := newRecent[int, int](100)
	for i := range 1000 {
		r.put(i, i)
		if v, ok := r.get(0); !ok || v != 0 {
			t.Fatalf("what is used all the time was forgotten, at %d", i)
		}
	}
	if n := len(r.now) + len(r.then); n > 100 {
		t.Errorf("%d are kept", n)
	}
	if _, ok := r.get(1); ok {
		t.Error("what was used long ago is still there")
	}
}

func TestClaimsByAnyName(t *testing.T) {
	c := ClaimsConfig{Roles: "realm_access.roles", Tenant: "https://example.com/tenant", Agent: "preferred_username"}
	who, err := c.read([]byte(`{"sub":"u","realm_access":{"roles":["agent","offline_access"]},"https://example.com/tenant":"acme","preferred_username":"ann"}`))
	if err != nil || !who.Has("agent") || !who.Of("acme") || who.Agent != "ann" {
		t.Errorf("%+v, %v", who, err)
	}
}

func TestWhoIsWrittenDown(t *testing.T) {
	ctx := With(t.Context(), &Identity{Subject: "u-1"})
	for says, want := range map[string]string{"": "u-1", "u-1": "u-1", "ann": "ann (u-1)"} {
		if got := Actor(ctx, says); got != want {
			t.Errorf("%q: %q", says, got)
		}
	}
	if got := Actor(With(t.Context(), &Identity{Anonymous: true}), "ann"); got != "ann" {
		t.Errorf("%q", got)
	}
}

func TestATokenOfOurOwn(t *testing.T) {
	p := provider(t)
	k := keeper(t, p, nil)
	c := OutgoingConfig{TokenURL: p.URL + "/token", ClientID: "presence", ClientSecret: "s"}
	token, err := c.Source()(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if who, err := k.Identify(t.Context(), token); err != nil || who.Subject != "presence" || !who.Has("service") {
		t.Errorf("%+v, %v", who, err)
	}
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c = OutgoingConfig{TokenFile: path}
	if token, err := c.Source()(t.Context()); err != nil || token != "abc" {
		t.Errorf("%q, %v", token, err)
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	for name, c := range map[string]Config{
		"auth.audience":  {Issuer: "https://a"},
		"auth.issuer":    {Issuer: "a", Audience: "b"},
		"auth.client-id": {JWKS: "f", Audience: "b", ClientID: "c"},
		"auth.rate":      {Rate: -1},
		"auth.burst":     {Rate: 1},
		"auth.claims":    {JWKS: "f", Audience: "b"},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), name+":") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzToken looks for a token that is taken, or that breaks us: no key has signed any of them.
func FuzzToken(f *testing.F) {
	p, other := provider(f), provider(f)
	k := keeper(f, p, nil)
	good := p.Token(identitytest.Claims{"roles": "admin"})
	f.Add(other.Token(identitytest.Claims{"iss": p.URL}))
	f.Add(p.Symmetric([]byte(strings.Repeat("secret", 6)), nil))
	f.Add(good[:len(good)-3])
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("..")
	f.Add(`{"payload":"e30","signatures":[{"protected":"e30","signature":""}]}`)
	f.Fuzz(func(t *testing.T, token string) {
		if who, err := k.Identify(context.Background(), token); err == nil {
			t.Errorf("%q was taken for %+v", token, who)
		} else if _, ok := refusal.As(err); !ok {
			t.Errorf("%q: %v is no refusal", token, err)
		}
	})
}

// FuzzClaims reads what somebody whose signature is good may say.
func FuzzClaims(f *testing.F) {
	f.Add(`{"sub":"u","roles":["agent",7,null,{}],"tenant":{"a":1},"agent":[]}`, "roles")
	f.Add(`{"sub":"u","realm_access":{"roles":"a b"}}`, "realm_access.roles")
	f.Add(`[]`, "..")
	f.Fuzz(func(t *testing.T, payload, name string) {
		c := ClaimsConfig{Roles: name, Tenant: name, Agent: name}
		who, err := c.read([]byte(payload))
		if err == nil && (who.Subject == "" || slices.Contains(who.Roles, "") || slices.Contains(who.Tenants, "")) {
			t.Errorf("%s: %+v", payload, who)
		}
	})
}

func BenchmarkIdentify(b *testing.B) {
	p := provider(b)
	k := keeper(b, p, nil)
	token := p.Token(nil)
	for b.Loop() {
		if _, err := k.Identify(context.Background(), token); err != nil {
			b.Fatal(err)
		}
	}
}
