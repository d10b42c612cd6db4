package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/time/rate"
)

// algorithms of signatures that are taken. With none, or with one whose key is a secret that others share, whoever can read a
// token could make one.
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

const (
	askWithin = 5 * time.Second // an issuer has this long to answer
	// A token with a key that nobody knows has its issuer asked for new keys. Whoever sends many such tokens must not have us
	// flood the issuer.
	askEvery = 5 * time.Second
	askBurst = 5
)

var (
	errAway  = errors.New("the keys of the issuer cannot be read")
	errPaced = errors.New("no key of the issuer fits, as of a moment ago")
)

// askIssuer is the client that issuers are asked with.
func askIssuer() *http.Client {
	return &http.Client{Timeout: askWithin, Transport: &paced{limit: rate.NewLimiter(rate.Every(askEvery), askBurst), next: http.DefaultTransport}}
}

// paced asks seldom, and makes an error of an answer that is none.
type paced struct {
	limit *rate.Limiter
	next  http.RoundTripper
}

func (p *paced) RoundTrip(r *http.Request) (*http.Response, error) {
	if !p.limit.Allow() {
		return nil, errPaced
	}
	res, err := p.next.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAway, err)
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, fmt.Errorf("%w: %s answers %s", errAway, r.URL.Redacted(), res.Status)
	}
	return res, nil
}

// keySet notes why a signature could not be verified: oidc's own error says it in words only.
type keySet struct{ oidc.KeySet }

type whyKey struct{}

func (k keySet) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	if why, ok := ctx.Value(whyKey{}).(*error); ok {
		*why = err
	}
	return payload, err
}

// fileKeys are the keys in a file, which is read again when it has changed.
type fileKeys struct {
	path string

	mu   sync.Mutex
	of   time.Time
	keys oidc.StaticKeySet
}

func newFileKeys(path string) (*fileKeys, error) {
	f := &fileKeys{path: path}
	_, err := f.now()
	return f, err
}

func (f *fileKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	keys, err := f.now()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAway, err)
	}
	return keys.VerifySignature(ctx, jwt)
}

// now are the keys as they stand. A file that cannot be read any more leaves those of before.
func (f *fileKeys) now() (oidc.StaticKeySet, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err == nil && !info.ModTime().Equal(f.of) {
		if err = f.read(); err == nil {
			f.of = info.ModTime()
		}
	}
	if len(f.keys.PublicKeys) > 0 {
		return f.keys, nil
	}
	return f.keys, err
}

func (f *fileKeys) read() error {
	text, err := os.ReadFile(f.path)
	if err != nil {
		return fmt.Errorf("auth.jwks: %w", err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		return fmt.Errorf("auth.jwks: %s is no JWK set: %w", f.path, err)
	}
	keys := oidc.StaticKeySet{}
	for _, k := range set.Keys {
		if !k.Valid() || !k.IsPublic() {
			return fmt.Errorf("auth.jwks: key %q of %s is no public key: leave private and symmetric keys out", k.KeyID, f.path)
		}
		keys.PublicKeys = append(keys.PublicKeys, k.Key)
	}
	if len(keys.PublicKeys) == 0 {
		return fmt.Errorf("auth.jwks: %s has no key", f.path)
	}
	f.keys = keys
	return nil
}
