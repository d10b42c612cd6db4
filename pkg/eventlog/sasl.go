package eventlog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/busyhour/busyhour/pkg/tlsfiles"
)

// Mechanisms by which the brokers know who we are.
const (
	Plain       = "plain"
	SCRAM256    = "scram-sha-256"
	SCRAM512    = "scram-sha-512"
	OAuthBearer = "oauthbearer"
)

// SASL says who we are to the brokers. The zero value says nothing.
type SASL struct {
	// Mechanism is one of those above, or "".
	Mechanism string
	// Username and Password are for Plain and SCRAM.
	Username, Password string
	// The others are for OAuthBearer: where tokens are asked for, and by whom (RFC 6749, 4.4).
	TokenURL, ClientID, ClientSecret string
	Scopes                           []string
	// TokenTLS is how the token server is known; nil: as the system does.
	TokenTLS *tlsfiles.Client
}

// set what sarama needs for it.
func (s SASL) set(c *sarama.Config) error {
	if s.Mechanism == "" {
		return nil
	}
	c.Net.SASL.Enable = true
	c.Net.SASL.User, c.Net.SASL.Password = s.Username, s.Password
	switch s.Mechanism {
	case Plain:
		c.Net.SASL.Mechanism = sarama.SASLTypePlaintext
	case SCRAM256:
		c.Net.SASL.Mechanism = sarama.SASLTypeSCRAMSHA256
		c.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: scram.SHA256} }
	case SCRAM512:
		c.Net.SASL.Mechanism = sarama.SASLTypeSCRAMSHA512
		c.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: scram.SHA512} }
	case OAuthBearer:
		c.Net.SASL.Mechanism = sarama.SASLTypeOAuth
		c.Net.SASL.TokenProvider = s.tokens()
	default:
		return fmt.Errorf("SASL mechanism %q: there are %s, %s, %s and %s", s.Mechanism, Plain, SCRAM256, SCRAM512, OAuthBearer)
	}
	return nil
}

// scramClient is one log-in.
type scramClient struct {
	hash scram.HashGeneratorFcn
	talk *scram.ClientConversation
}

func (c *scramClient) Begin(user, password, authorization string) error {
	client, err := c.hash.NewClient(user, password, authorization)
	if err != nil {
		return err
	}
	c.talk = client.NewConversation()
	return nil
}

func (c *scramClient) Step(challenge string) (string, error) { return c.talk.Step(challenge) }
func (c *scramClient) Done() bool                            { return c.talk.Done() }

const tokenWithin = 5 * time.Second

// tokens are kept until shortly before they end.
func (s SASL) tokens() sarama.AccessTokenProvider {
	asking := &http.Client{Timeout: tokenWithin, Transport: s.transport()}
	server := clientcredentials.Config{ClientID: s.ClientID, ClientSecret: s.ClientSecret, TokenURL: s.TokenURL, Scopes: s.Scopes}
	return tokens{server.TokenSource(context.WithValue(context.Background(), oauth2.HTTPClient, asking))}
}

func (s SASL) transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if s.TokenTLS != nil {
		return s.TokenTLS.Secure(t)
	}
	return t
}

type tokens struct{ oauth2.TokenSource }

func (t tokens) Token() (*sarama.AccessToken, error) {
	token, err := t.TokenSource.Token()
	if err != nil {
		return nil, fmt.Errorf("no token for Kafka: %w", withoutBody(err))
	}
	return &sarama.AccessToken{Token: token.AccessToken}, nil
}

// withoutBody drops what a token server says beside its code, in which anything may be repeated.
func withoutBody(err error) error {
	if no, is := errors.AsType[*oauth2.RetrieveError](err); is {
		return fmt.Errorf("the token server answers %s %s", no.Response.Status, no.ErrorCode)
	}
	return err
}

// secure dials for sarama, which gives no context.
type secure struct {
	tls    *tlsfiles.Client
	within time.Duration
}

func (s secure) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.within)
	defer cancel()
	return s.tls.DialContext(ctx, network, address)
}
