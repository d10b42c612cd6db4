package connector

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// TLS is how we and the downstream know each other by certificates.
type TLS struct {
	CAFile     string `key:"ca_file" doc:"File (PEM) with those who may have signed the downstream's certificate; empty: those that the system trusts. It is read again when it has changed."`
	CertFile   string `key:"cert_file" doc:"File (PEM) with our certificate. It and key_file are read for each connection, so a new one needs no restart."`
	KeyFile    string `key:"key_file" doc:"File (PEM) with the key of cert_file."`
	ServerName string `key:"server_name" doc:"The name that the downstream's certificate must have; empty: the host in url."`
}

func (t *TLS) check(want want, address string) {
	if *t == (TLS{}) {
		return
	}
	want(strings.HasPrefix(address, "https:"), "tls: url is not an https address, so there are no certificates; change url, or leave tls out")
	want((t.CertFile == "") == (t.KeyFile == ""), "tls.key_file: it goes with tls.cert_file; set both, or neither")
	if t.CAFile != "" {
		_, err := t.roots(x509.NewCertPool())
		want(err == nil, "tls.ca_file: %v; name a file with certificates in PEM", err)
	}
	if t.CertFile != "" && t.KeyFile != "" {
		_, err := t.own(nil)
		want(err == nil, "%v; name files with a certificate and its key in PEM", err)
	}
}

// roots adds those of the file.
func (t *TLS) roots(to *x509.CertPool) (*x509.CertPool, error) {
	text, err := os.ReadFile(t.CAFile)
	if err == nil && !to.AppendCertsFromPEM(text) {
		err = errors.New("there is no certificate in it")
	}
	return to, withoutPath(err)
}

// own certificate as it stands now. The error goes into outcomes, so it does not name the file.
func (t *TLS) own(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("tls.cert_file, tls.key_file: %w", withoutPath(err))
	}
	return &pair, nil
}

// config for the downstream.
func (t *TLS) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CertFile != "" {
		c.GetClientCertificate = t.own
	}
	return c, t.trustIn(c, x509.NewCertPool())
}

// tokenConfig is that for the token server, which may be somebody else: the system's trust, and that of ca_file.
func (t *TLS) tokenConfig() (*tls.Config, error) {
	system, err := x509.SystemCertPool()
	if err != nil {
		system = x509.NewCertPool()
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	return c, t.trustIn(c, system)
}

// trustIn those of ca_file and the others.
func (t *TLS) trustIn(c *tls.Config, others *x509.CertPool) (err error) {
	if t.CAFile == "" {
		return nil
	}
	if c.RootCAs, err = t.roots(others); err != nil {
		return fmt.Errorf("tls.ca_file: %w", err)
	}
	return nil
}
