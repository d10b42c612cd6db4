package connector

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// transport dials the downstream.
func transport(cfg Config) http.RoundTripper { return transportBy(cfg, cfg.TLS.config) }

// tokenTransport dials the token server, by the same rules.
func tokenTransport(cfg Config) http.RoundTripper { return transportBy(cfg, cfg.TLS.tokenConfig) }

func transportBy(cfg Config, by func() (*tls.Config, error)) http.RoundTripper {
	make := func() (*http.Transport, error) {
		c, err := by()
		return transportWith(cfg, c), err
	}
	if cfg.TLS.CAFile != "" {
		return &trust{file: cfg.TLS.CAFile, make: make}
	}
	t, _ := make() // only a ca_file can fail
	return t
}

// transportWith keeps connections to one host for as many calls as there may be at once.
func transportWith(cfg Config, by *tls.Config) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = cfg.Concurrency, cfg.Concurrency
	t.TLSClientConfig = by
	t.MaxResponseHeaderBytes = 64 << 10
	d := &net.Dialer{Timeout: cfg.Timeout, KeepAlive: 30 * time.Second}
	if !cfg.Private {
		d.Control = cfg.publicOnly
	}
	t.DialContext = d.DialContext
	return t
}

// publicOnly sees the address that is really dialled, after every look-up, so no name can lead elsewhere later on.
func (c *Config) publicOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%s is no address: %w", address, err)
	}
	if !public(at.Addr()) {
		return fmt.Errorf("%s is not a public address: set %s to true if the downstream is in your own network", at.Addr(), c.key("private"))
	}
	return nil
}

// special are the ranges that net/netip takes for global ones and that lead into one's own network, or nowhere.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"), netip.MustParsePrefix("::/96"),
}

// nat64 addresses carry an IPv4 address in their last four bytes.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsGlobalUnicast() && !a.IsPrivate()
}
