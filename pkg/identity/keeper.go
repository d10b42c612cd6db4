package identity

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/busyhour/busyhour/pkg/refusal"
)

const (
	longestToken = 16 << 10
	// verifiedFor is how long a token that was verified is taken at its word: a key that its issuer has withdrawn counts that
	// much longer.
	verifiedFor  = time.Minute
	mostTokens   = 50_000
	mostCallers  = 50_000
	discoverWait = 30 * time.Second // at most, between two tries
)

// Keeper knows who asks: it verifies tokens, and counts what each identity asks for.
type Keeper struct {
	cfg Config
	log *zap.Logger
	now func() time.Time

	verifier atomic.Pointer[oidc.IDTokenVerifier] // nil until the issuer has answered
	page     atomic.Pointer[Page]
	verified *recent[[sha256.Size]byte, verdict]
	callers  *recent[string, *rate.Limiter]
}

// verdict on a token.
type verdict struct {
	who   *Identity
	until time.Time
}

// New makes a Keeper. It asks nobody yet.
func New(cfg Config, log *zap.Logger) (*Keeper, error) {
	k := &Keeper{
		cfg: cfg, log: log, now: time.Now,
		verified: newRecent[[sha256.Size]byte, verdict](mostTokens), callers: newRecent[string, *rate.Limiter](mostCallers),
	}
	k.page.Store(&Page{Anonymous: k.Anonymous()})
	if cfg.JWKS == "" {
		return k, nil
	}
	keys, err := keysAt(cfg.JWKS)
	if err == nil {
		k.trust(keys)
	}
	return k, err
}

func keysAt(place string) (oidc.KeySet, error) {
	if isURL(place) {
		return oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), askIssuer()), place), nil
	}
	return newFileKeys(place)
}

func (k *Keeper) trust(keys oidc.KeySet) {
	k.verifier.Store(oidc.NewVerifier(k.cfg.Issuer, keySet{keys}, &oidc.Config{
		ClientID:             k.cfg.Audience,
		SupportedSigningAlgs: algorithms,
		SkipIssuerCheck:      k.cfg.Issuer == "",
		Now:                  func() time.Time { return k.now().Add(-k.cfg.Leeway) },
	}))
}

// Anonymous says whether somebody without a token may do everything.
func (k *Keeper) Anonymous() bool { return k.cfg.Anonymous || !k.cfg.Guarded() }

// Run finds the issuer's keys and says where people log in. An issuer that is away keeps nobody from starting; until it
// answers, tokens are UNAVAILABLE.
func (k *Keeper) Run(ctx context.Context) error {
	if k.cfg.Anonymous {
		k.log.Warn("auth.anonymous is set: whoever reaches this port may do everything")
	}
	for wait := time.Second; k.cfg.Issuer != "" && (k.cfg.JWKS == "" || k.cfg.ClientID != ""); wait = min(2*wait, discoverWait) {
		err := k.discover(ctx)
		if err == nil {
			break
		}
		k.log.Warn("the issuer of tokens does not answer; until it does, callers with a token are told to try again",
			zap.String("issuer", k.cfg.Issuer), zap.Error(err))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
	<-ctx.Done()
	return nil
}

func (k *Keeper) discover(ctx context.Context) error {
	ctx = oidc.ClientContext(ctx, askIssuer())
	provider, err := oidc.NewProvider(ctx, k.cfg.Issuer)
	if err != nil {
		return err
	}
	if k.cfg.JWKS == "" {
		var found struct {
			JWKS string `json:"jwks_uri"`
		}
		if err := provider.Claims(&found); err != nil {
			return err
		}
		k.trust(oidc.NewRemoteKeySet(ctx, found.JWKS))
	}
	k.page.Store(&Page{
		Anonymous: k.Anonymous(), Issuer: k.cfg.Issuer, ClientID: k.cfg.ClientID, Scopes: k.cfg.Scopes,
		AuthorizeURL: provider.Endpoint().AuthURL, TokenURL: provider.Endpoint().TokenURL,
	})
	k.log.Info("tokens are verified", zap.String("issuer", k.cfg.Issuer))
	return nil
}

// Page is what a page needs to know to have a person log in. It is no secret.
type Page struct {
	// Anonymous: nobody needs a token.
	Anonymous    bool   `json:"anonymous"`
	Issuer       string `json:"issuer,omitempty"`
	ClientID     string `json:"clientId,omitempty"`
	Scopes       string `json:"scopes,omitempty"`
	AuthorizeURL string `json:"authorizeUrl,omitempty"`
	TokenURL     string `json:"tokenUrl,omitempty"`
}

// Page as it stands now: without addresses until the issuer has answered.
func (k *Keeper) Page() Page { return *k.page.Load() }

// Identify says whose token it is. It refuses with why a token cannot be taken.
func (k *Keeper) Identify(ctx context.Context, token string) (*Identity, error) {
	if token == "" {
		if k.Anonymous() {
			return &Identity{Anonymous: true}, nil
		}
		return nil, refusal.New(refusal.Unauthenticated, "TOKEN_MISSING", "there is no token").To("send Authorization: Bearer with a token of your identity provider")
	}
	if !k.cfg.Guarded() {
		return &Identity{Anonymous: true}, nil // a token that nobody can check says nothing
	}
	if len(token) > longestToken {
		return nil, refusal.New(refusal.Unauthenticated, "TOKEN_INVALID", "the token has %d bytes, at most %d are read", len(token), longestToken)
	}
	sum := sha256.Sum256([]byte(token))
	if v, ok := k.verified.get(sum); ok && k.now().Before(v.until) {
		return v.who, nil
	}
	who, err := k.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	k.verified.put(sum, verdict{who, earliest(who.Expires, k.now().Add(verifiedFor))})
	return who, nil
}

func (k *Keeper) verify(ctx context.Context, token string) (*Identity, error) {
	verifier := k.verifier.Load()
	if verifier == nil {
		return nil, away("the issuer of tokens, %s, has not answered yet", k.cfg.Issuer)
	}
	var why error
	good, err := verifier.Verify(context.WithValue(ctx, whyKey{}, &why), token)
	if err != nil {
		return nil, k.refused(err, why)
	}
	var payload json.RawMessage
	if err := good.Claims(&payload); err != nil {
		return nil, invalid(err)
	}
	who, err := k.cfg.Claims.read(payload)
	if err != nil {
		return nil, invalid(err)
	}
	who.Expires, who.token = good.Expiry.Add(k.cfg.Leeway), token
	return who, nil
}

func (k *Keeper) refused(err, why error) error {
	var late *oidc.TokenExpiredError
	switch {
	case errors.Is(why, errAway):
		k.log.Warn("a token cannot be verified", zap.Error(why))
		return away("the keys of tokens cannot be read now")
	case errors.Is(why, errPaced):
		return invalid(errPaced)
	case errors.As(err, &late):
		return Expired(late.Expiry)
	}
	return invalid(err)
}

func away(format string, args ...any) error {
	return refusal.New(refusal.Unavailable, "ISSUER_AWAY", format, args...).To("try again")
}

func invalid(err error) error {
	text := err.Error()
	return refusal.New(refusal.Unauthenticated, "TOKEN_INVALID", "the token is not taken: %s", text[:min(len(text), 300)]).
		To("get one of the configured identity provider, for the configured audience")
}

// Expired is the refusal of a token that is worth nothing any more.
func Expired(at time.Time) error {
	return refusal.New(refusal.Unauthenticated, "TOKEN_EXPIRED", "the token has expired, at %s", at.UTC().Format(time.RFC3339)).To("get a new one")
}

// Spend counts a request of a caller, and refuses one above the rate.
func (k *Keeper) Spend(caller string) error {
	if k.cfg.Rate == 0 {
		return nil
	}
	limit := k.callers.getOr(caller, func() *rate.Limiter { return rate.NewLimiter(rate.Limit(k.cfg.Rate), k.cfg.Burst) })
	if limit.AllowN(k.now(), 1) {
		return nil
	}
	return refusal.New(refusal.Full, "RATE_LIMIT", "%s asks more than %g times a second", caller, k.cfg.Rate).
		To(fmt.Sprintf("slow down; %d at once are taken", k.cfg.Burst))
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
