package connector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// OAuth2 is where tokens come from, by client credentials (RFC 6749, 4.4).
type OAuth2 struct {
	TokenURL         string   `key:"token_url" doc:"Where a token is asked for, instead of token. It may be at an address that is not public if the downstream may."`
	ClientID         string   `key:"client_id" doc:"Who asks."`
	ClientSecret     string   `key:"client_secret" doc:"The secret of client_id." secret:"true"`
	ClientSecretFile string   `key:"client_secret_file" doc:"File with the secret, instead of client_secret. It is read for each new token."`
	Scopes           []string `key:"scopes" doc:"What is asked for; empty: what the token server gives by itself."`
}

func (o *OAuth2) secret() secret {
	return secret{"oauth2.client_secret", o.ClientSecret, o.ClientSecretFile}
}

func (o *OAuth2) set() bool {
	return o.TokenURL != "" || o.ClientID != "" || o.secret().set() || len(o.Scopes) > 0
}

func (o *OAuth2) check(want want, private bool) {
	if !o.set() {
		return
	}
	want.address("oauth2.token_url", o.TokenURL)
	want(private || !knownPrivate(o.TokenURL), "private: oauth2.token_url is at an address that is not public; set it to true if that is meant")
	want(o.ClientID != "", "oauth2.client_id: it is empty; set who asks for a token")
	want(o.secret().set(), "oauth2.client_secret: it is empty; set it, or client_secret_file")
	o.secret().check(want)
}

// tokens are asked for when there is none, or none that is still good.
type tokens struct {
	cfg  Config
	http *http.Client
	lock chan struct{} // of what is below; a channel, so that who must leave does not wait for a token

	server clientcredentials.Config
	token  *oauth2.Token
}

func newOAuth2(cfg Config) *tokens {
	o := cfg.OAuth2
	return &tokens{
		cfg: cfg, http: client(tokenTransport(cfg)), lock: make(chan struct{}, 1),
		server: clientcredentials.Config{ClientID: o.ClientID, TokenURL: o.TokenURL, Scopes: o.Scopes},
	}
}

func (t *tokens) show(ctx context.Context) (shown, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()
	select {
	case t.lock <- struct{}{}:
		defer func() { <-t.lock }()
	case <-ctx.Done():
		return shown{}, t.words(ctx, ctx.Err())
	}
	if !t.token.Valid() {
		if err := t.ask(ctx); err != nil {
			return shown{}, err
		}
	}
	return shown{"Bearer " + t.token.AccessToken, []string{t.token.AccessToken, t.server.ClientSecret}}, nil
}

// ask for a token, under the lock.
func (t *tokens) ask(ctx context.Context) (err error) {
	if t.server.ClientSecret, err = t.cfg.OAuth2.secret().read(); err != nil {
		return err
	}
	token, err := t.server.Token(context.WithValue(ctx, oauth2.HTTPClient, t.http))
	if err != nil {
		return t.words(ctx, err)
	}
	t.token = token
	return nil
}

// words of what went wrong, for outcomes: without addresses, and without the body, in which anything may be repeated.
func (t *tokens) words(ctx context.Context, err error) error {
	var no *oauth2.RetrieveError
	var u *url.Error
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("oauth2: no token within %s", t.cfg.Timeout)
	case errors.As(err, &no):
		text := no.Response.Status
		if no.ErrorCode != "" {
			text += ": " + printable(no.ErrorCode)
		}
		return fmt.Errorf("oauth2: the token server answers %s; look at client_id, client_secret and scopes", hide(text, []string{t.server.ClientSecret}))
	case errors.As(err, &u):
		err = u.Err
	}
	return fmt.Errorf("oauth2: no token: %s", hide(printable(err.Error()), []string{t.server.ClientSecret}))
}

// refused throws the token away, unless another has come in its place already.
func (t *tokens) refused(s shown) bool {
	t.lock <- struct{}{}
	defer func() { <-t.lock }()
	if t.token != nil && s.authorization == "Bearer "+t.token.AccessToken {
		t.token = nil
	}
	return true
}
