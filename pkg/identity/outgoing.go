package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// OutgoingConfig is the token of calls that a service makes in its own name.
type OutgoingConfig struct {
	TokenFile    string   `key:"token-file" doc:"File with the token for calls to our other services in a process's own name. It is read for each call, so a new token needs no restart."`
	TokenURL     string   `key:"token-url" doc:"Where to get that token by client credentials instead, such as https://login.example.com/realms/main/protocol/openid-connect/token."`
	ClientID     string   `key:"client-id" doc:"Client of peers.token-url."`
	ClientSecret string   `key:"client-secret" doc:"Its secret." secret:"true"`
	Scopes       []string `key:"scopes" doc:"Scopes to ask for at peers.token-url."`
}

// Validate says everything that is wrong, at once.
func (c *OutgoingConfig) Validate() error {
	var problems []error
	if c.TokenFile != "" && c.TokenURL != "" {
		problems = append(problems, errors.New("peers.token-file: there is a peers.token-url, too; leave one of them out"))
	}
	if c.TokenURL != "" && (!isURL(c.TokenURL) || c.ClientID == "" || c.ClientSecret == "") {
		problems = append(problems, errors.New("peers.token-url: it has to be an http or https address, with peers.client-id and peers.client-secret"))
	}
	return errors.Join(problems...)
}

// Source gives the token; "" if none is configured.
func (c *OutgoingConfig) Source() func(context.Context) (string, error) {
	switch {
	case c.TokenFile != "":
		return func(context.Context) (string, error) { return ReadToken(c.TokenFile) }
	case c.TokenURL != "":
		return fromURL(c)
	}
	return func(context.Context) (string, error) { return "", nil }
}

func fromURL(c *OutgoingConfig) func(context.Context) (string, error) {
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Timeout: askWithin})
	credentials := clientcredentials.Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret, TokenURL: c.TokenURL, Scopes: c.Scopes}
	tokens := credentials.TokenSource(ctx) // it keeps one until shortly before its end
	return func(context.Context) (string, error) {
		token, err := tokens.Token()
		if err != nil {
			return "", fmt.Errorf("peers.token-url: %w", err)
		}
		return token.AccessToken, nil
	}
}

// ReadToken reads a file that has a token and nothing else.
func ReadToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read a token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("read a token: %s is empty", path)
	}
	return token, nil
}
