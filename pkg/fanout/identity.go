package fanout

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"

	"github.com/nats-io/nats.go"
)

// identity is who we are, and how the servers prove who they are. Files are read anew for each connection.
func (c Config) identity() (options []nats.Option) {
	if c.Username != "" {
		options = append(options, nats.UserInfo(c.Username, c.Password))
	}
	if c.Credentials != "" {
		options = append(options, nats.UserCredentials(c.Credentials))
	}
	if c.TLS == nil {
		return options
	}
	var certificate nats.TLSCertHandler
	if c.TLS.Certificate() != nil {
		certificate = func() (tls.Certificate, error) { return *c.TLS.Certificate(), nil }
	}
	authorities := func() (*x509.CertPool, error) { return c.TLS.Authorities(), nil }
	return append(options, nats.ClientTLSConfig(certificate, authorities))
}

// withoutURL drops the address, which may have a password in it, from the error about it.
func withoutURL(err error) error {
	if _, is := errors.AsType[*url.Error](err); is {
		return errors.New("one of the servers is no address such as nats://host:4222")
	}
	return err
}

// redacted are the servers without those who log in there.
func redacted(servers []string) (hosts []string) {
	for _, s := range servers {
		if u, err := url.Parse(s); err == nil {
			hosts = append(hosts, u.Host)
		}
	}
	return hosts
}
