// Package scimstub is a SCIM 2.0 server (RFC 7643, RFC 7644) in memory, for trying a downstream: it keeps users and groups,
// can be told to be slow or to go wrong in many ways, and counts what it was asked, so that a test can prove that nothing
// was made twice.
//
//	request ─▶ counted ─▶ token ─▶ mood (Behaviour) ─▶ users, groups ─▶ answer, or none
package scimstub

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// Config of a stub.
type Config struct {
	// Token is wanted as Authorization: Bearer; empty: none is.
	Token string
	// Lax takes a userName or an externalId that is taken, as careless servers do: who creates twice has two.
	Lax bool
	// Behaviour to begin with.
	Behaviour Behaviour
}

// maxBody that a request may have.
const maxBody = 1 << 20

// Stub is the server.
type Stub struct {
	cfg    Config
	users  *store
	groups *store
	counts *counts

	mu        sync.Mutex
	behaviour Behaviour
}

// New makes a Stub without users.
func New(cfg Config) *Stub {
	return &Stub{cfg: cfg, behaviour: cfg.Behaviour, users: newStore(userType, cfg.Lax), groups: newStore(groupType, cfg.Lax), counts: newCounts()}
}

// Handler serves SCIM under /scim/v2, and the stub's own paths under /stub.
func (s *Stub) Handler() http.Handler {
	api := http.NewServeMux()
	for _, of := range []*store{s.users, s.groups} {
		path := "/scim/v2/" + of.kind.path
		api.HandleFunc("POST "+path, s.create(of))
		api.HandleFunc("GET "+path, of.list)
		api.HandleFunc("GET "+path+"/{id}", of.get)
		api.HandleFunc("PUT "+path+"/{id}", of.put)
		api.HandleFunc("PATCH "+path+"/{id}", of.patch)
		api.HandleFunc("DELETE "+path+"/{id}", of.remove)
	}
	api.HandleFunc("GET /scim/v2/ServiceProviderConfig", abilities)
	api.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem{status: http.StatusNotFound, detail: "there is no " + r.Method + " " + r.URL.Path + " here"}.write(w)
	})

	all := http.NewServeMux()
	all.Handle("/", s.counted(s.authorized(s.moody(api))))
	all.HandleFunc("GET /stub/behaviour", func(w http.ResponseWriter, _ *http.Request) { plain(w, s.now()) })
	all.HandleFunc("PUT /stub/behaviour", s.behave)
	all.HandleFunc("GET /stub/counts", func(w http.ResponseWriter, _ *http.Request) { plain(w, s.Counts()) })
	return all
}

// Counts says what the stub was asked so far.
func (s *Stub) Counts() Counts {
	c := s.counts.get()
	c.Users, c.Groups = s.users.size(), s.groups.size()
	return c
}

func (s *Stub) create(of *store) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if name, ok := of.create(w, r); ok && of == s.users {
			s.counts.created(name)
		}
	}
}

func (s *Stub) authorized(next http.Handler) http.Handler {
	want := []byte("Bearer " + s.cfg.Token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.cfg.Token != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			problem{status: http.StatusUnauthorized, detail: "the bearer token is not the one that the stub was started with"}.write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// behave changes the behaviour, for requests that come after.
func (s *Stub) behave(w http.ResponseWriter, r *http.Request) {
	var b Behaviour
	d := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(&b)
	if err == nil {
		err = b.Validate()
	}
	if err != nil {
		http.Error(w, fmt.Sprintf("behaviour: %v", err), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.behaviour = b
	s.mu.Unlock()
	plain(w, b)
}

func (s *Stub) now() Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behaviour
}

func plain(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who does not read it has left
}

// abilities is the ServiceProviderConfig: what is true of the stub, and no more.
func abilities(w http.ResponseWriter, _ *http.Request) {
	yes, no := map[string]any{"supported": true}, map[string]any{"supported": false}
	write(w, http.StatusOK, map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":   yes, "etag": yes, "sort": no, "changePassword": no,
		"bulk":   map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter": map[string]any{"supported": true, "maxResults": maxPage},
		"authenticationSchemes": []any{map[string]any{
			"type": "oauthbearertoken", "name": "Bearer token", "description": "Authorization: Bearer",
		}},
	})
}
