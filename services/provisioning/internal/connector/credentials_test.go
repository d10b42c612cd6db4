package connector

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	keys "github.com/busyhour/busyhour/pkg/config"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// plainAt is a Connector to a real server that agents are put to.
func plainAt(address string, change func(*Config)) *Connector {
	return scimAt(address+"/{id}", func(cfg *Config) {
		cfg.Kind, cfg.Attempts = kindHTTP, 2
		change(cfg)
	})
}

func TestUserAndPassword(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		got = append(got, user+" "+password)
	}))
	defer server.Close()
	file := write(t, filepath.Join(t.TempDir(), "password"), "two\n")
	for _, change := range []func(*Config){
		func(cfg *Config) { cfg.User, cfg.Password = "busyhour", "one" },
		func(cfg *Config) { cfg.User, cfg.PasswordFile = "busyhour", file },
	} {
		if a, err := plainAt(server.URL, change).Send(t.Context(), ann()); err != nil || a.Refused != "" {
			t.Errorf("answer %+v, %v", a, err)
		}
	}
	if fmt.Sprint(got) != "[busyhour one busyhour two]" {
		t.Errorf("sent %q", got)
	}
}

// tokenServer gives t-1, t-2, and so on.
type tokenServer struct {
	mu    sync.Mutex
	asked []string
	// says something else than a token.
	says func(w http.ResponseWriter)
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, secret, _ := r.BasicAuth()
	s.asked = append(s.asked, fmt.Sprint(r.FormValue("grant_type"), " ", id, " ", secret, " ", r.FormValue("scope")))
	if s.says != nil {
		s.says(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":"t-%d","token_type":"Bearer","expires_in":3600}`, len(s.asked))
}

func (s *tokenServer) start(t *testing.T) func(*Config) {
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return func(cfg *Config) {
		cfg.OAuth2 = OAuth2{TokenURL: server.URL, ClientID: "busyhour", ClientSecret: "sesame", Scopes: []string{"agents", "users"}}
	}
}

func TestATokenIsAskedForOnceAndThrownAwayWhenRefused(t *testing.T) {
	tokens := &tokenServer{}
	oauth := tokens.start(t)
	good, calls := "Bearer t-1", 0
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if calls++; r.Header.Get("Authorization") != good {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	c := plainAt(server.URL, oauth)
	send := func(wantRefused string, wantAsked, wantCalls int) {
		t.Helper()
		a, err := c.Send(t.Context(), ann())
		if err != nil || a.Refused != wantRefused || len(tokens.asked) != wantAsked || calls != wantCalls {
			t.Errorf("answer %+v, %v, %d tokens asked for, %d calls, want %q, %d, %d", a, err, len(tokens.asked), calls, wantRefused, wantAsked, wantCalls)
		}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { c.Send(t.Context(), ann()) })
	}
	all.Wait()
	send("", 1, 9)
	good = "Bearer t-2"
	send("", 2, 11)
	good = "none"
	send("401 Unauthorized", 3, 13)
	if tokens.asked[0] != "client_credentials busyhour sesame agents users" {
		t.Errorf("asked %s", tokens.asked[0])
	}
}

func TestATokenThatDoesNotComeGoesWrong(t *testing.T) {
	for name, c := range map[string]struct {
		says func(http.ResponseWriter)
		want string
	}{
		"refused": {
			func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"sesame is wrong"}`)
			}, "downstream.oauth2: the token server answers 401 Unauthorized: invalid_client; look at client_id, client_secret and scopes",
		},
		"nonsense":    {func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{}`) }, "downstream.oauth2: no token: oauth2: server response missing access_token"},
		"a redirect":  {func(w http.ResponseWriter) { w.Header().Set("Location", "/x"); w.WriteHeader(307) }, "downstream.oauth2: the token server answers 307 Temporary Redirect; look at client_id, client_secret and scopes"},
		"not at once": {nil, "downstream.oauth2: no token within 100ms"},
	} {
		t.Run(name, func(t *testing.T) {
			tokens := &tokenServer{says: c.says}
			oauth := tokens.start(t)
			d := plainAt("http://127.0.0.1:1", func(cfg *Config) { oauth(cfg); cfg.Attempts = 1 })
			if c.says == nil {
				gone, release := context.WithCancel(t.Context())
				defer release()
				silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-gone.Done() }))
				defer silent.Close()
				defer release()
				d = plainAt("http://127.0.0.1:1", func(cfg *Config) {
					oauth(cfg)
					cfg.OAuth2.TokenURL, cfg.Timeout, cfg.Attempts = silent.URL, 100*time.Millisecond, 1
				})
			}
			if a, err := d.Send(t.Context(), ann()); err != nil || a.Refused != "it went wrong 1 times, at last: "+c.want {
				t.Errorf("answer %+v, %v, want %s", a, err, c.want)
			}
		})
	}
}

func TestATokenServerIsDialledOnlyAtAPublicAddress(t *testing.T) {
	tokens := &tokenServer{}
	oauth := tokens.start(t)
	c := plainAt("https://crm.example", func(cfg *Config) { oauth(cfg); cfg.Private, cfg.Attempts = false, 1 })
	a, err := c.Send(t.Context(), ann())
	if err != nil || len(tokens.asked) > 0 || !strings.Contains(a.Refused, "is not a public address") {
		t.Errorf("answer %+v, %v, asked %d times", a, err, len(tokens.asked))
	}
}

func TestSecretsAreNeverRepeated(t *testing.T) {
	const password, clientSecret, token = `pass "word" ü`, "client/secret&", "to+ken="
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		user, password, _ := r.BasicAuth()
		fmt.Fprintf(w, "%s %s %s %q", r.Header.Get("Authorization"), user, password, password)
	}))
	defer echo.Close()
	tokens := &tokenServer{}
	oauth := tokens.start(t)
	for name, change := range map[string]func(*Config){
		"token":                           func(cfg *Config) { cfg.Token = token },
		"password":                        func(cfg *Config) { cfg.User, cfg.Password = "busyhour", password },
		"access":                          oauth,
		"a token that no header can have": func(cfg *Config) { cfg.Token = token + "\n" + token },
		"client secret, repeated by its server": func(cfg *Config) {
			cfg.OAuth2 = OAuth2{TokenURL: echo.URL, ClientID: "busyhour", ClientSecret: clientSecret}
		},
	} {
		t.Run(name, func(t *testing.T) {
			core, logs := observer.New(zap.DebugLevel)
			cfg := atAddress(echo.URL + "/{id}")
			change(&cfg)
			c := New(cfg, zap.New(core), prometheus.NewRegistry())
			a, err := c.Send(t.Context(), ann())
			var dump bytes.Buffer
			if err := keys.Describe(&dump, "provisioning", &struct {
				Downstream Config `key:"downstream"`
			}{cfg}); err != nil {
				t.Fatal(err)
			}
			cfg.TokenFile, cfg.PasswordFile, cfg.URL = "also", "also", "ftp://busyhour:"+token+"@crm.example/{id}"
			invalid := cfg.Validate()
			all := fmt.Sprint(a, err, logs.All(), dump.String(), invalid)
			for _, secret := range []string{password, `pass \"word\"`, clientSecret, "client%2Fsecret%26", token, "t-1", "YnVzeWhvdXI6"} {
				if strings.Contains(all, secret) {
					t.Errorf("%s is repeated in %s", secret, all)
				}
			}
			if a.Refused == "" || invalid == nil {
				t.Errorf("answer %+v, %v; nothing was said that could repeat it", a, invalid)
			}
		})
	}
}

// atAddress is for a downstream at a real address.
func atAddress(address string) Config {
	cfg := config()
	cfg.URL, cfg.Private, cfg.Attempts, cfg.BreakAfter = address, true, 1, 1
	return cfg
}

// authority signs certificates.
type authority struct {
	*testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{T: t, dir: t.TempDir()}
	der, key := a.sign("ca", true)
	a.key = key
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	write(t, a.file("ca"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name+".pem") }

func (a *authority) sign(name string, isCA bool) ([]byte, *ecdsa.PrivateKey) {
	a.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: isCA, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	parent, by := a.cert, a.key
	if isCA {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		a.Fatal(err)
	}
	return der, key
}

// issue writes a certificate and its key, in files of the name.
func (a *authority) issue(file, name string) tls.Certificate {
	a.Helper()
	der, key := a.sign(name, false)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.Fatal(err)
	}
	write(a.T, a.file(file), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(a.T, a.file(file+"-key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
	pair, err := tls.LoadX509KeyPair(a.file(file), a.file(file+"-key"))
	if err != nil {
		a.Fatal(err)
	}
	return pair
}

func TestCertificatesOnBothSides(t *testing.T) {
	ca := newAuthority(t)
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	var seen []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.TLS.PeerCertificates[0].Subject.CommonName)
		w.Header().Set("Connection", "close") // each call shakes hands
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ca.issue("server", "crm.internal")}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	server.Config.ErrorLog = zap.NewStdLog(zap.NewNop())
	server.StartTLS()
	defer server.Close()
	ca.issue("client", "first")
	all := TLS{CAFile: ca.file("ca"), CertFile: ca.file("client"), KeyFile: ca.file("client-key"), ServerName: "crm.internal"}
	at := func(change func(*TLS)) *Connector {
		return plainAt(server.URL, func(cfg *Config) {
			cfg.Attempts, cfg.TLS = 1, all
			change(&cfg.TLS)
			if err := cfg.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
	c := at(func(*TLS) {})
	for _, name := range []string{"first", "second"} {
		ca.issue("client", name)
		if a, err := c.Send(t.Context(), ann()); err != nil || a.Refused != "" {
			t.Errorf("answer %+v, %v", a, err)
		}
	}
	if fmt.Sprint(seen) != "[first second]" {
		t.Errorf("it has seen %q, want the certificate as it stands", seen)
	}
	for name, change := range map[string]func(*TLS){
		"unknown authority": func(t *TLS) { t.CAFile = "" },
		"another name":      func(t *TLS) { t.ServerName = "other.internal" },
		"no certificate":    func(t *TLS) { t.CertFile, t.KeyFile = "", "" },
	} {
		if a, err := at(change).Send(t.Context(), ann()); err != nil || a.Refused == "" {
			t.Errorf("%s: answer %+v, %v", name, a, err)
		}
	}
	c = at(func(*TLS) {})
	if err := os.Remove(all.KeyFile); err != nil {
		t.Fatal(err)
	}
	if a, _ := c.Send(t.Context(), ann()); !strings.HasSuffix(a.Refused, "tls.cert_file, tls.key_file: no such file or directory") {
		t.Errorf("answer %+v", a)
	}
	if len(seen) != 2 {
		t.Errorf("it has seen %q", seen)
	}
}

func TestWhoIsTrustedIsReadAgain(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") }))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ca.issue("server", "crm.internal")}}
	server.Config.ErrorLog = zap.NewStdLog(zap.NewNop())
	server.StartTLS()
	defer server.Close()
	file := filepath.Join(t.TempDir(), "trusted")
	c := plainAt(server.URL, func(cfg *Config) { cfg.Attempts, cfg.TLS = 1, TLS{CAFile: file, ServerName: "crm.internal"} })
	text := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for i, step := range []struct {
		file    string // empty: it is gone
		refused string
	}{
		{"", "tls.ca_file: no such file or directory"},
		{text(other.file("ca")), "certificate signed by unknown authority"},
		{text(ca.file("ca")), ""},
		{"nonsense", ""},
		{"", ""},
		{text(other.file("ca")), "certificate signed by unknown authority"},
	} {
		if step.file == "" {
			_ = os.Remove(file)
		} else {
			at := time.Unix(int64(i), 0)
			if err := os.Chtimes(write(t, file, step.file), at, at); err != nil {
				t.Fatal(err)
			}
		}
		a, err := c.Send(t.Context(), ann())
		if err != nil || (a.Refused == "") != (step.refused == "") || !strings.Contains(a.Refused, step.refused) {
			t.Errorf("step %d: answer %+v, %v, want %q", i, a, err, step.refused)
		}
	}
}

func TestATokenServerIsTrustedByTheSameFile(t *testing.T) {
	ca := newAuthority(t)
	server := httptest.NewUnstartedServer(&tokenServer{})
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ca.issue("server", "localhost")}}
	server.StartTLS()
	defer server.Close()
	got := ""
	downstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
	defer downstream.Close()
	c := plainAt(downstream.URL, func(cfg *Config) {
		cfg.TLS.CAFile = ca.file("ca")
		cfg.OAuth2 = OAuth2{TokenURL: strings.Replace(server.URL, "127.0.0.1", "localhost", 1), ClientID: "a", ClientSecret: "b"}
	})
	if a, err := c.Send(t.Context(), ann()); err != nil || a.Refused != "" || got != "Bearer t-1" {
		t.Errorf("answer %+v, %v, sent %q", a, err, got)
	}
}

func TestConfigSaysWhatIsWrongWithCredentials(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		says   []string
	}{
		{func(c *Config) { c.Token, c.User, c.Password = "a", "b", "c" }, []string{"token: there is more than one way"}},
		{func(c *Config) { c.Token, c.OAuth2 = "a", OAuth2{Scopes: []string{"x"}} }, []string{"token: there is more than one way", "oauth2.token_url:", "oauth2.client_id:", "oauth2.client_secret:"}},
		{func(c *Config) { c.User = "a:b" }, []string{"user: it goes with a password", "user: a colon"}},
		{func(c *Config) { c.PasswordFile, c.Password = "a", "b" }, []string{"user: it goes with a password", "password_file: there is a password, too"}},
		{func(c *Config) {
			c.OAuth2 = OAuth2{TokenURL: "http://10.0.0.1", ClientID: "a", ClientSecret: "b", ClientSecretFile: "c"}
		}, []string{"private: oauth2.token_url", "oauth2.client_secret_file: there is a client_secret, too"}},
		{func(c *Config) { c.TLS = TLS{CertFile: "/a", CAFile: "/b"} }, []string{"tls.key_file:", "tls.ca_file: no such file"}},
		{func(c *Config) { c.TLS = TLS{CertFile: "/a", KeyFile: "/b"}; c.URL = "http://crm.example/{id}" }, []string{"tls: url is not an https address", "tls.cert_file, tls.key_file: no such file"}},
		{func(c *Config) { c.URL = "https://a:b@crm.example/{id}" }, []string{"url: there is a user in the address"}},
		{func(c *Config) { c.Rate, c.Burst = -1, -1 }, []string{"rate:", "burst:"}},
	} {
		cfg := config()
		c.change(&cfg)
		err := cfg.Validate()
		for _, want := range c.says {
			if err == nil || !strings.Contains(err.Error(), "downstream."+want) {
				t.Errorf("%v does not say %s", err, want)
			}
		}
		if err != nil && strings.Count(err.Error(), "\n")+1 != len(c.says) {
			t.Errorf("%v says more than %q", err, c.says)
		}
	}
}
