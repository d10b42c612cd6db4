package tlsfiles

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// Client makes connections to servers.
type Client struct {
	*watched
	serverName string
	dialer     net.Dialer
}

// NewClient reads the files for the first time. Without a CA those are trusted that the system trusts. A server's
// certificate must have the name, or, if that is empty, the host that is dialled.
func NewClient(f Files, serverName string) (*Client, error) {
	w, err := watch(f)
	if err != nil {
		return nil, err
	}
	return &Client{watched: w, serverName: serverName, dialer: net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}}, nil
}

// Config is that of the next connection, without a server's name unless one was given.
func (c *Client) Config() *tls.Config {
	now := c.current()
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: now.authorities, ServerName: c.serverName}
	if now.pair != nil {
		config.Certificates = []tls.Certificate{*now.pair}
	}
	return config
}

// DialContext connects and shakes hands within what ctx allows.
func (c *Client) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return c.dial(ctx, network, address)
}

func (c *Client) dial(ctx context.Context, network, address string, protocols ...string) (net.Conn, error) {
	config := c.Config()
	config.NextProtos = protocols
	d := tls.Dialer{NetDialer: &c.dialer, Config: config} // it fills in the name
	return d.DialContext(ctx, network, address)
}

// Authorities are those that are trusted now, nil for the system's.
func (c *Client) Authorities() *x509.CertPool { return c.current().authorities }

// Certificate is ours of now, nil if there is none.
func (c *Client) Certificate() *tls.Certificate { return c.current().pair }

// Secure has a transport connect to https addresses by this Client. It speaks HTTP/2 there if the transport may.
func (c *Client) Secure(t *http.Transport) *http.Transport {
	var protocols []string
	if t.Protocols == nil || t.Protocols.HTTP2() {
		protocols = append(protocols, "h2")
	}
	if t.Protocols == nil || t.Protocols.HTTP1() {
		protocols = append(protocols, "http/1.1")
	}
	t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return c.dial(ctx, network, address, protocols...)
	}
	t.ForceAttemptHTTP2 = true     // else a transport with a dialer of its own does not
	t.TLSClientConfig = c.Config() // for what goes through a proxy
	return t
}
