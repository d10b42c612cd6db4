package connector

import (
	"context"
	"encoding/base64"
	"strings"
)

// credentials say who we are.
type credentials interface {
	// show begins its errors with the key that they are about, without the prefix.
	show(ctx context.Context) (shown, error)
	// refused is told that the downstream did not know us by what it was shown; true: there may be another to show.
	refused(shown) bool
}

// shown to the downstream as Authorization; empty: nothing.
type shown struct {
	authorization string
	// secrets are not to be repeated, whoever says them.
	secrets []string
}

func credentialsOf(cfg Config) credentials {
	switch {
	case cfg.OAuth2.set():
		return newOAuth2(cfg)
	case cfg.User != "":
		return basic{user: cfg.User, password: cfg.password()}
	}
	return bearer{cfg.token()}
}

type bearer struct{ token secret }

func (b bearer) show(context.Context) (shown, error) {
	token, err := b.token.read()
	if token == "" {
		return shown{}, err
	}
	return shown{"Bearer " + token, []string{token}}, err
}

// refused: the file is read for each call anyway.
func (bearer) refused(shown) bool { return false }

type basic struct {
	user     string
	password secret
}

func (b basic) show(context.Context) (shown, error) {
	password, err := b.password.read()
	if err != nil {
		return shown{}, err
	}
	both := base64.StdEncoding.EncodeToString([]byte(b.user + ":" + password))
	return shown{"Basic " + both, []string{both, password}}, nil
}

func (basic) refused(shown) bool { return false }

func (c *Config) token() secret    { return secret{"token", c.Token, c.TokenFile} }
func (c *Config) password() secret { return secret{"password", c.Password, c.PasswordFile} }

func (c *Config) checkCredentials(want want) {
	c.token().check(want)
	c.password().check(want)
	basic := c.User != "" || c.password().set()
	want(!basic || c.User != "" && c.password().set(), "user: it goes with a password or a password_file; set both, or neither")
	want(!strings.Contains(c.User, ":"), "user: a colon ends it in Authorization: Basic; choose a user without one")
	ways := 0
	for _, set := range []bool{c.token().set(), basic, c.OAuth2.set()} {
		if set {
			ways++
		}
	}
	want(ways < 2, "token: there is more than one way to say who we are; keep one of token, user with password, and oauth2")
	c.OAuth2.check(want, c.Private)
}
