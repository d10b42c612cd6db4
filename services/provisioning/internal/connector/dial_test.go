package connector

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhichAddressesArePublic(t *testing.T) {
	for address, want := range map[string]bool{
		"93.184.216.34": true, "2606:2800:220:1::1": true, "64:ff9b::5db8:d822": true, "::ffff:93.184.216.34": true,
		"127.0.0.1": false, "::1": false, "0.0.0.0": false, "::": false, "::ffff:127.0.0.1": false, "::127.0.0.1": false, "::ffff:100.64.0.1": false,
		"10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "100.64.0.1": false, "169.254.169.254": false,
		"fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd12::1": false, "fec0::1": false,
		"64:ff9b::a00:1": false, "64:ff9b:1::1": false, "2002:a00:1::": false,
		"224.0.0.1": false, "255.255.255.255": false, "ff02::1": false, "198.18.0.1": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: public %v, want %v", address, got, want)
		}
	}
}

func TestAPrivateDownstreamIsDialledOnlyIfThatIsAllowed(t *testing.T) {
	called := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { called++ }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	at := func(private bool) *Connector {
		return scimAt("http://localhost:"+port+"/{id}", func(cfg *Config) {
			cfg.Kind, cfg.Private, cfg.Attempts = kindHTTP, private, 1
		})
	}
	a, err := at(false).Send(t.Context(), ann())
	if err != nil || called > 0 || !strings.Contains(a.Refused, "set downstream.private to true") {
		t.Errorf("answer %+v, %v, called %d times", a, err, called)
	}
	if a, err := at(true).Send(t.Context(), ann()); err != nil || a.Refused != "" || called != 1 {
		t.Errorf("answer %+v, %v, called %d times", a, err, called)
	}
}

func TestATokenComesFromItsFileAsItStands(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	var got []string
	c := to(func(r *http.Request) (*http.Response, error) {
		got = append(got, r.Header.Get("Authorization"))
		return answer(200, ""), nil
	}, func(cfg *Config) { cfg.TokenFile, cfg.Attempts, cfg.BackoffMin = file, 1, 1 })
	for _, token := range []string{"one\n", "two", ""} {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := c.Send(t.Context(), ann())
		if refused := "it went wrong 1 times, at last: downstream.token_file: the file is empty"; err != nil || token != "" && a.Refused != "" || token == "" && a.Refused != refused {
			t.Errorf("%q: answer %+v, %v", token, a, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if a, _ := c.Send(t.Context(), ann()); a.Refused != "it went wrong 1 times, at last: downstream.token_file: no such file or directory" {
		t.Errorf("answer %+v", a)
	}
	if strings.Join(got, ", ") != "Bearer one, Bearer two" {
		t.Errorf("sent %q", got)
	}
}
