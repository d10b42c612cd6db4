package scim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Config of the server.
type Config struct {
	Enabled   bool   `key:"enabled" default:"true" doc:"Whether identity providers may push users and groups under /scim/v2/{tenant}/."`
	Token     string `key:"token" doc:"What they may send as Authorization: Bearer beside the tokens that the other APIs take (auth.issuer), for any tenant." secret:"true"`
	TokenFile string `key:"token_file" doc:"File with the token, instead of token. It is read for each request, so a new token needs no restart."`
}

// Validate says what is wrong.
func (c *Config) Validate() error {
	if c.Token != "" && c.TokenFile != "" {
		return errors.New("scim.token_file: there is a token, too; leave one of them out")
	}
	return nil
}

// token as it stands now; empty: everybody is answered.
func (c *Config) token() (string, error) {
	if c.TokenFile == "" {
		return c.Token, nil
	}
	text, err := os.ReadFile(c.TokenFile)
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return "", fmt.Errorf("scim.token_file: %w", path.Err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" { // an empty file must not open the door
		return "", errors.New("scim.token_file: the file is empty")
	}
	return token, nil
}
