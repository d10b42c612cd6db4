package up

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/busyhour/busyhour/pkg/identity"
)

// TokenFile is where the commands on this machine find their token, from the directory that "busyhour up" runs in.
const TokenFile = "data/token"

const (
	audience = "busyhour"
	// tokenFor is how long tokens are good. Each start makes new ones.
	tokenFor = 30 * 24 * time.Hour
)

// issuer is the identity provider of a laptop: a key that stays in the data directory, so a page that is open keeps its token
// over a restart.
type issuer struct {
	signer jose.Signer
	jwks   string // file with the public key
}

func newIssuer(data string) (*issuer, error) {
	key, err := signingKey(filepath.Join(data, "signing-key.pem"))
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	i := &issuer{jwks: filepath.Join(data, "jwks.json")}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "up", Algorithm: string(jose.EdDSA), Use: "sig"}}})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(i.jwks, set, 0o600); err != nil {
		return nil, err
	}
	i.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: key, KeyID: "up"}}, (&jose.SignerOptions{}).WithType("JWT"))
	return i, err
}

// signingKey reads the key, or makes one.
func signingKey(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	}
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(text); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := key.(ed25519.PrivateKey); ok {
				return key, nil
			}
		}
	}
	return nil, fmt.Errorf("%s is not the Ed25519 key that was written there; delete it, and the next start makes another", path)
}

func makeKey(path string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// auth is how the services take its tokens.
func (i *issuer) auth() identity.Config {
	return identity.Config{
		JWKS: i.jwks, Audience: audience, Leeway: 30 * time.Second,
		Claims: identity.ClaimsConfig{Roles: "roles", Tenant: "tenant", Agent: "agent"},
	}
}

// token for the demo's tenant.
func (i *issuer) token(subject string, roles ...string) (string, error) {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"sub": subject, "aud": audience, "iat": now.Unix(), "exp": now.Add(tokenFor).Unix(), "tenant": Tenant, "roles": roles,
	})
	if err != nil {
		return "", err
	}
	signed, err := i.signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
