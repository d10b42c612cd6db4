package tlsfiles_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/authority"
	"github.com/busyhour/busyhour/pkg/tlsfiles"
)

// folder has ca.pem, cert.pem and key.pem.
type folder string

func (f folder) files() tlsfiles.Files {
	return tlsfiles.Files{CA: f.path("ca.pem"), Cert: f.path("cert.pem"), Key: f.path("key.pem")}
}

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

func newAuthority(t *testing.T, name string) *authority.Authority {
	t.Helper()
	a, err := authority.New(name, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// put writes a certificate that one authority has signed, and whom its owner trusts. Files are given another time, for two
// writes may fall into one tick of the file system's clock.
func (f folder) put(t *testing.T, by, trusted *authority.Authority, hosts ...string) {
	t.Helper()
	pair, err := by.Issue("somebody", hosts...)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(pair.Write(f.path("cert.pem"), f.path("key.pem")), os.WriteFile(f.path("ca.pem"), trusted.PEM, 0o600)); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(time.Duration(puts) * time.Second)
	puts++
	for _, name := range []string{"ca.pem", "cert.pem", "key.pem"} {
		if err := os.Chtimes(f.path(name), at, at); err != nil {
			t.Fatal(err)
		}
	}
}

var puts int

// serve answers with the name of the caller's certificate and the version of HTTP.
func serve(t *testing.T, f tlsfiles.Files, auth tls.ClientAuthType) string {
	t.Helper()
	server, err := tlsfiles.NewServer(f, auth)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, EnableHTTP2: true, Config: &http.Server{ErrorLog: zap.NewStdLog(zap.NewNop()), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		fmt.Fprintf(w, "%s over HTTP/%d", name, r.ProtoMajor)
	})}}
	s.TLS = server.Config()
	s.StartTLS()
	t.Cleanup(s.Close)
	return "https://" + l.Addr().String()
}

func client(t *testing.T, f tlsfiles.Files, serverName string) *tlsfiles.Client {
	t.Helper()
	c, err := tlsfiles.NewClient(f, serverName)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// get asks over a connection of its own.
func get(c *tlsfiles.Client, url string) (string, error) {
	t := c.Secure(&http.Transport{DisableKeepAlives: true})
	res, err := t.RoundTrip(httptest.NewRequest(http.MethodGet, url, nil))
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

func TestBothSidesKnowEachOther(t *testing.T) {
	ours, server, caller := newAuthority(t, "ours"), folder(t.TempDir()), folder(t.TempDir())
	server.put(t, ours, ours, "127.0.0.1")
	caller.put(t, ours, ours)
	url := serve(t, server.files(), tls.RequireAndVerifyClientCert)
	if got, err := get(client(t, caller.files(), ""), url); err != nil || got != "somebody over HTTP/2" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestWhoHasNoCertificateIsNotLetIn(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	server, stranger := folder(t.TempDir()), folder(t.TempDir())
	server.put(t, ours, ours, "127.0.0.1")
	stranger.put(t, theirs, ours)
	required, offered := serve(t, server.files(), tls.RequireAndVerifyClientCert), serve(t, server.files(), tls.VerifyClientCertIfGiven)
	nameless := client(t, tlsfiles.Files{CA: server.files().CA}, "")
	if got, err := get(nameless, required); err == nil {
		t.Errorf("without a certificate: %q", got)
	}
	if got, err := get(nameless, offered); err != nil || got != "nobody over HTTP/2" {
		t.Errorf("where none is needed: %q, %v", got, err)
	}
	if got, err := get(client(t, stranger.files(), ""), required); err == nil {
		t.Errorf("with another authority's certificate: %q", got)
	}
	if got, err := get(client(t, stranger.files(), ""), offered); err != nil || got != "nobody over HTTP/2" {
		t.Errorf("another authority's certificate gives a name: %q, %v", got, err)
	}
}

func TestAServerOfAnotherAuthorityOrNameIsNotBelieved(t *testing.T) {
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	server, caller := folder(t.TempDir()), folder(t.TempDir())
	server.put(t, ours, ours, "server.example")
	url := serve(t, server.files(), tls.NoClientCert)
	caller.put(t, ours, ours)
	if _, err := get(client(t, caller.files(), ""), url); err == nil {
		t.Error("a certificate for another host is believed")
	}
	if _, err := get(client(t, caller.files(), "server.example"), url); err != nil {
		t.Errorf("by the name that is configured: %v", err)
	}
	caller.put(t, ours, theirs)
	if _, err := get(client(t, caller.files(), "server.example"), url); err == nil {
		t.Error("a certificate of another authority is believed")
	}
	if _, err := get(client(t, tlsfiles.Files{}, "server.example"), url); err == nil {
		t.Error("the system trusts an authority of a test")
	}
}

// Both sides change to another authority while they run.
func TestAnotherAuthorityNeedsNoRestart(t *testing.T) {
	before, after := newAuthority(t, "before"), newAuthority(t, "after")
	server, caller := folder(t.TempDir()), folder(t.TempDir())
	server.put(t, before, before, "127.0.0.1")
	caller.put(t, before, before)
	url, c := serve(t, server.files(), tls.RequireAndVerifyClientCert), client(t, caller.files(), "")
	if _, err := get(c, url); err != nil {
		t.Fatal(err)
	}
	server.put(t, after, after, "127.0.0.1")
	if _, err := get(c, url); err == nil {
		t.Error("a client of before believes the server of after")
	}
	caller.put(t, after, after)
	if _, err := get(c, url); err != nil {
		t.Error(err)
	}
}

func TestAHalfWrittenChangeIsNotFollowed(t *testing.T) {
	ours, server := newAuthority(t, "ours"), folder(t.TempDir())
	server.put(t, ours, ours, "127.0.0.1")
	url, c := serve(t, server.files(), tls.NoClientCert), client(t, tlsfiles.Files{CA: server.files().CA}, "")
	for _, name := range []string{"cert.pem", "ca.pem"} {
		if err := os.WriteFile(server.path(name), []byte("-----BEGIN"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := get(c, url); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(server.path("key.pem")); err != nil {
		t.Fatal(err)
	}
	if _, err := get(c, url); err != nil {
		t.Error(err)
	}
}

func TestAllThatIsWrongWithTheFilesIsSaid(t *testing.T) {
	f := folder(t.TempDir())
	if err := os.WriteFile(f.path("ca.pem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := f.files().Check()
	if err == nil || !strings.Contains(err.Error(), "ca.pem has no certificate") || !strings.Contains(err.Error(), "cert.pem") {
		t.Errorf("%v", err)
	}
}

func TestOlderThanTLS12IsNotSpoken(t *testing.T) {
	ours, server := newAuthority(t, "ours"), folder(t.TempDir())
	server.put(t, ours, ours, "127.0.0.1")
	url := serve(t, server.files(), tls.NoClientCert)
	old := client(t, tlsfiles.Files{CA: server.files().CA}, "").Config()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if c, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), old); err == nil {
		c.Close()
		t.Error("TLS 1.1 is spoken")
	}
}
