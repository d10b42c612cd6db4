package boot

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/tlsfiles"
)

// KafkaConfig says where the log is.
type KafkaConfig struct {
	Brokers []string   `key:"brokers" default:"127.0.0.1:9092" doc:"Brokers to begin with, host:port."`
	Version string     `key:"version" default:"3.6.0" doc:"Protocol version to speak, at most that of the oldest broker."`
	TLS     ClientTLS  `key:"tls"`
	SASL    SASLConfig `key:"sasl"`
}

// SASLConfig says who we are to the brokers.
type SASLConfig struct {
	Mechanism    string   `key:"mechanism" doc:"plain, scram-sha-256, scram-sha-512 or oauthbearer; empty: we say nothing, or our certificate does."`
	Username     string   `key:"username" doc:"For plain and scram."`
	Password     string   `key:"password" doc:"For plain and scram." secret:"true"`
	TokenURL     string   `key:"token-url" doc:"For oauthbearer: where tokens are asked for, by client credentials. kafka.tls.ca is trusted there, too."`
	ClientID     string   `key:"client-id" doc:"For oauthbearer: who asks."`
	ClientSecret string   `key:"client-secret" doc:"For oauthbearer: the secret of client-id." secret:"true"`
	Scopes       []string `key:"scopes" doc:"For oauthbearer: what is asked for; empty: what the token server gives by itself."`
}

var mechanisms = []string{eventlog.Plain, eventlog.SCRAM256, eventlog.SCRAM512, eventlog.OAuthBearer}

// Validate says everything that is wrong, at once.
func (c *KafkaConfig) Validate() error {
	if len(c.Brokers) == 0 {
		return errors.New("kafka.brokers: name at least one")
	}
	return nil
}

// Validate says everything that is wrong, at once.
func (c *SASLConfig) Validate() error {
	var problems []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	password := c.Username != "" || c.Password != ""
	token := c.TokenURL != "" || c.ClientID != "" || c.ClientSecret != "" || len(c.Scopes) > 0
	switch c.Mechanism {
	case eventlog.OAuthBearer:
		want(address(c.TokenURL), "kafka.sasl.token-url: name an http or https address")
		want(c.ClientID != "", "kafka.sasl.client-id: it is empty; set who asks for a token")
		want(c.ClientSecret != "", "kafka.sasl.client-secret: it is empty; set it")
		want(!password, "kafka.sasl.username, kafka.sasl.password: not for %s, leave them out", c.Mechanism)
	case "":
		want(!password && !token, "kafka.sasl.mechanism: it is empty, and other keys of kafka.sasl are set; there are %s", strings.Join(mechanisms, ", "))
	default:
		want(slices.Contains(mechanisms, c.Mechanism), "kafka.sasl.mechanism: there is no %q; there are %s", c.Mechanism, strings.Join(mechanisms, ", "))
		want(c.Username != "", "kafka.sasl.username: it is empty; set who we are")
		want(c.Password != "", "kafka.sasl.password: it is empty; set it")
		want(!token, "kafka.sasl.token-url, client-id, client-secret, scopes: for %s only, leave them out", eventlog.OAuthBearer)
	}
	return errors.Join(problems...)
}

func (c *KafkaConfig) warnings() []string {
	if c.SASL.Mechanism == "" || c.TLS.Enabled {
		return nil
	}
	return []string{"kafka.sasl without kafka.tls.enabled: whoever is on the way can read what we say, and go on as us"}
}

// Eventlog is the same for the package that speaks to Kafka.
func (c *KafkaConfig) Eventlog(client string, log *zap.Logger, reg prometheus.Registerer) (eventlog.Config, error) {
	secure, err := c.TLS.client()
	if err != nil {
		return eventlog.Config{}, err
	}
	s := c.SASL
	return eventlog.Config{
		Brokers: c.Brokers, ClientID: client, Version: c.Version, Logger: log, Registry: reg, TLS: secure,
		SASL: eventlog.SASL{
			Mechanism: s.Mechanism, Username: s.Username, Password: s.Password,
			TokenURL: s.TokenURL, ClientID: s.ClientID, ClientSecret: s.ClientSecret, Scopes: s.Scopes, TokenTLS: c.tokenTLS(secure),
		},
	}, nil
}

// tokenTLS is nil where the token server is known as the system knows it. Our certificate and the brokers' name are not for it.
func (c *KafkaConfig) tokenTLS(secure *tlsfiles.Client) *tlsfiles.Client {
	if secure == nil || c.TLS.CA == "" {
		return nil
	}
	client, err := tlsfiles.NewClient(tlsfiles.Files{CA: c.TLS.CA}, "")
	if err != nil {
		return nil
	}
	return client
}
