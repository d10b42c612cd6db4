package boot

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/fanout"
	"github.com/busyhour/busyhour/pkg/tlsfiles"
)

// NATSConfig says where pushes go.
type NATSConfig struct {
	URL         string       `key:"url" default:"nats://127.0.0.1:4222" doc:"Servers to push through; commas between several. With tls:// or any of nats.tls they are spoken to over TLS."`
	TLS         Certificates `key:"tls"`
	Username    string       `key:"username" doc:"Who we are, unless nats.credentials says so."`
	Password    string       `key:"password" doc:"The password of nats.username." secret:"true"`
	Credentials string       `key:"credentials" doc:"File (.creds) that says who we are. It is read for each connection."`
}

// Validate says everything that is wrong, at once.
func (c *NATSConfig) Validate() error {
	var problems []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	want(c.URL != "", "nats.url: name a server")
	for i, u := range c.servers() {
		want(u != nil, "nats.url: server %d is no address such as nats://host:4222", i+1)
	}
	want((c.Username == "") == (c.Password == ""), "nats.password: it goes with nats.username; set both, or neither")
	want(c.Username == "" || c.Credentials == "", "nats.credentials: there is a nats.username, too; leave one of them out")
	if c.Credentials != "" {
		_, err := os.Stat(c.Credentials)
		want(err == nil, "nats.credentials: %v", err)
	}
	return errors.Join(problems...)
}

// servers has nil for each that makes no sense.
func (c *NATSConfig) servers() (all []*url.URL) {
	for s := range strings.SplitSeq(c.URL, ",") {
		s = strings.TrimSpace(s)
		if !strings.Contains(s, "://") {
			s = "nats://" + s
		}
		u, err := url.Parse(s)
		if err != nil || u.Host == "" {
			u = nil
		}
		all = append(all, u)
	}
	return all
}

func (c *NATSConfig) warnings() []string {
	if c.TLS.set() {
		return nil
	}
	for _, u := range c.servers() {
		if u != nil && u.Scheme != "tls" && u.Scheme != "wss" && (u.User != nil || c.Username != "") {
			return []string{"a password for NATS without TLS: whoever is on the way can read it"}
		}
	}
	return nil
}

func (c *NATSConfig) dial(name string, log *zap.Logger, reg prometheus.Registerer) (*fanout.Conn, error) {
	var secure *tlsfiles.Client
	if c.TLS.set() {
		var err error
		if secure, err = c.TLS.client(); err != nil {
			return nil, err
		}
		watchExpiry(reg, "nats", secure.Expiry)
	}
	return fanout.Dial(fanout.Config{
		URL: c.URL, Name: name, Logger: log, Registry: reg,
		TLS: secure, Username: c.Username, Password: c.Password, Credentials: c.Credentials,
	})
}
