package boot

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/busyhour/busyhour/pkg/tlsfiles"
)

// ServerTLS is how callers know this process, and this process them. The keys stand under tls.
type ServerTLS struct {
	Cert     string `key:"cert" doc:"File (PEM) with the certificate that callers see; empty: no TLS. It is read again when it has changed."`
	Key      string `key:"key" doc:"File (PEM) with the key of tls.cert."`
	ClientCA string `key:"client-ca" doc:"File (PEM) with those who may have signed a caller's certificate; nobody else is let in then. Empty: callers need none."`
}

func (c ServerTLS) files() tlsfiles.Files {
	return tlsfiles.Files{CA: c.ClientCA, Cert: c.Cert, Key: c.Key}
}

// Validate says everything that is wrong, at once.
func (c *ServerTLS) Validate() error {
	problems := []error{together("tls", c.Cert, c.Key)}
	if c.ClientCA != "" && c.Cert == "" {
		problems = append(problems, errors.New("tls.client-ca: it needs tls.cert"))
	}
	if c.Cert != "" && c.Key != "" {
		problems = append(problems, named("tls", c.files().Check()))
	}
	return errors.Join(problems...)
}

// server is nil without a certificate.
func (c ServerTLS) server(auth tls.ClientAuthType) (*tlsfiles.Server, error) {
	if c.Cert == "" {
		return nil, nil
	}
	s, err := tlsfiles.NewServer(c.files(), auth)
	return s, named("tls", err)
}

// Certificates are how this process and a server know each other.
type Certificates struct {
	under string

	CA   string `key:"ca" doc:"File (PEM) with those who may have signed the server's certificate; empty: those that the system trusts. It is read again when it has changed."`
	Cert string `key:"cert" doc:"File (PEM) with our certificate, if the server wants one. It is read again when it has changed."`
	Key  string `key:"key" doc:"File (PEM) with the key of our certificate."`
}

// Place says under what prefix the keys stand; errors name them so.
func (c *Certificates) Place(under string) { c.under = under }

// Validate says everything that is wrong, at once.
func (c *Certificates) Validate() error {
	problems := []error{together(c.under, c.Cert, c.Key)}
	if (c.Cert == "") == (c.Key == "") {
		problems = append(problems, named(c.under, c.files().Check()))
	}
	return errors.Join(problems...)
}

func (c Certificates) files() tlsfiles.Files {
	return tlsfiles.Files{CA: c.CA, Cert: c.Cert, Key: c.Key}
}

func (c Certificates) set() bool { return c.CA != "" || c.Cert != "" || c.Key != "" }

func (c Certificates) client() (*tlsfiles.Client, error) {
	client, err := tlsfiles.NewClient(c.files(), "")
	return client, named(c.under, err)
}

// ClientTLS is whether, and how, a server is spoken to over TLS.
type ClientTLS struct {
	Enabled bool `key:"enabled" default:"false" doc:"Speak TLS, and check the server's certificate."`
	Certificates
	ServerName string `key:"server-name" doc:"The name that the server's certificate must have; empty: the host that is dialled."`
}

// Validate says everything that is wrong, at once.
func (c *ClientTLS) Validate() error {
	var unused error
	if !c.Enabled && (c.set() || c.ServerName != "") {
		unused = fmt.Errorf("%s.enabled: it is false, and other keys of %[1]s are set; set it to true, or leave them out", c.under)
	}
	return errors.Join(c.Certificates.Validate(), unused)
}

// client is nil without TLS.
func (c ClientTLS) client() (*tlsfiles.Client, error) {
	if !c.Enabled {
		return nil, nil
	}
	client, err := tlsfiles.NewClient(c.files(), c.ServerName)
	return client, named(c.under, err)
}

func together(under, cert, key string) error {
	if (cert == "") != (key == "") {
		return fmt.Errorf("%s.key: it goes with %[1]s.cert; set both, or neither", under)
	}
	return nil
}

func named(key string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// watchExpiry tells when a certificate of ours ends. Those who let it be renewed want to know that it was not.
func watchExpiry(reg prometheus.Registerer, use string, expiry func() (time.Time, bool)) {
	if _, ok := expiry(); !ok {
		return
	}
	telemetry.Register(reg, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "busyhour_certificate_expiry_timestamp_seconds",
		Help:        "When the certificate ends that this process shows, as it stands in its file now.",
		ConstLabels: prometheus.Labels{"use": use},
	}, func() float64 {
		at, _ := expiry()
		return float64(at.Unix())
	}))
}

func watchClients(reg prometheus.Registerer, all map[string]*tlsfiles.Client) {
	for use, client := range all {
		if client != nil {
			watchExpiry(reg, use, client.Expiry)
		}
	}
}

// address reports whether a key holds an http or https one.
func address(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
