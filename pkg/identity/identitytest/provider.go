// Package identitytest is an identity provider for tests: discovery, keys that can be changed, and tokens that say whatever a
// test wants, good ones and bad ones.
package identitytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Audience of the tokens, if a test says nothing else.
const Audience = "busyhour"

// Claims of a token.
type Claims = map[string]any

// Provider serves one issuer.
type Provider struct {
	// URL is the issuer.
	URL string
	// Away makes it answer 503.
	Away atomic.Bool
	// Asked counts how often its keys were asked for.
	Asked atomic.Int64

	server *httptest.Server

	mu   sync.Mutex
	next int
	keys []key
}

type key struct {
	id      string
	private *ecdsa.PrivateKey
}

// New starts a provider with one key.
func New() *Provider {
	p := &Provider{}
	p.Rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.serveKeys)
	mux.HandleFunc("POST /token", p.serveToken)
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.Away.Load() {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	p.URL = p.server.URL
	return p
}

// Close stops it.
func (p *Provider) Close() { p.server.Close() }

// Rotate takes a new key; those of before are not shown any more.
func (p *Provider) Rotate() {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the system has no randomness
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	p.keys = []key{{fmt.Sprintf("k-%d", p.next), private}}
}

// Token signs claims. What is not said is said for them: issuer, audience, subject, and an hour to live;
// nil leaves a claim out.
func (p *Provider) Token(claims Claims) string {
	p.mu.Lock()
	k := p.keys[0]
	p.mu.Unlock()
	return Sign(jose.ES256, jose.JSONWebKey{Key: k.private, KeyID: k.id}, p.filled(claims))
}

// Symmetric signs them with a secret, HS256.
func (p *Provider) Symmetric(secret []byte, claims Claims) string {
	return Sign(jose.HS256, secret, p.filled(claims))
}

func (p *Provider) filled(claims Claims) Claims {
	all := Claims{"iss": p.URL, "aud": Audience, "sub": "somebody", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range claims {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	return all
}

// Sign makes a token of claims.
func Sign(algorithm jose.SignatureAlgorithm, with any, claims Claims) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: with}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		panic(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]any{
		"issuer": p.URL, "jwks_uri": p.URL + "/keys", "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
		"id_token_signing_alg_values_supported": []string{"ES256"},
	})
}

func (p *Provider) serveKeys(w http.ResponseWriter, _ *http.Request) {
	p.Asked.Add(1)
	writeJSON(w, p.Keys())
}

// Keys that it shows now.
func (p *Provider) Keys() jose.JSONWebKeySet {
	p.mu.Lock()
	defer p.mu.Unlock()
	set := jose.JSONWebKeySet{}
	for _, k := range p.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: &k.private.PublicKey, KeyID: k.id, Algorithm: string(jose.ES256), Use: "sig"})
	}
	return set
}

// serveToken gives the client, whoever it is, a token of role service for every tenant.
func (p *Provider) serveToken(w http.ResponseWriter, r *http.Request) {
	client, _, _ := r.BasicAuth()
	writeJSON(w, map[string]any{
		"access_token": p.Token(Claims{"sub": client, "roles": []string{"service"}, "tenant": "*"}), "token_type": "Bearer", "expires_in": 3600,
	})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
