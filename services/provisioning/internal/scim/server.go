package scim

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/identity"
)

// Path is where the server is mounted.
const Path = "/scim/v2/{tenant}/"

const (
	scimJSON = "application/scim+json"
	// retryAfter is what a caller waits who was told 503 or 429, in seconds.
	retryAfter = "5"
)

// Server answers identity providers.
type Server struct {
	cfg     Config
	users   users
	groups  groups
	log     *zap.Logger
	metrics *metrics
}

// New makes a Server. What it writes it has run, what it reads it reads in the directory.
func New(cfg Config, d Directory, r Runner, log *zap.Logger, reg prometheus.Registerer) *Server {
	return &Server{cfg: cfg, users: users{d, r}, groups: groups{d, r}, log: log, metrics: newMetrics(reg)}
}

// request is one, alone or within a bulk request.
type request struct {
	visit
	method               string
	path                 []string // without the tenant's
	query                url.Values
	body                 []byte
	unread               error // why there is no body to go by
	ifMatch, ifNoneMatch string
}

// answer to one.
type answer struct {
	status            int
	location, version string
	allow             string
	body              object // nil: none
}

// ServeHTTP answers a request. Whatever goes wrong is answered as SCIM has it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if panicked := recover(); panicked != nil {
			if panicked == any(http.ErrAbortHandler) {
				panic(panicked) // net/http's own way to drop a connection
			}
			edge.Log(r.Context(), s.log).Error("request panicked", zap.String("path", r.URL.Path), zap.Any("panic", panicked), zap.ByteString("stack", debug.Stack()))
			s.write(w, r, failed(no(http.StatusInternalServerError, "internal error")))
		}
	}()
	a, err := s.enter(w, r)
	if err != nil {
		p := problemOf(err)
		if p.status == http.StatusInternalServerError {
			edge.Log(r.Context(), s.log).Error("request failed", zap.String("path", r.URL.Path), zap.Error(err))
		}
		a = failed(p)
	}
	s.write(w, r, a)
}

func failed(p *problem) *answer { return &answer{status: p.status, body: p.body(), allow: p.allow} }

// enter lets the caller in and reads what they ask.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) (*answer, error) {
	who, err := s.authorize(w, r)
	if err != nil {
		return nil, err
	}
	in, err := readRequest(w, r)
	if err != nil {
		return nil, err
	}
	return s.answer(identity.With(r.Context(), who), in)
}

// authorize takes the token of scim.token, which identity providers keep for years, or one as our other APIs take it.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) (*identity.Identity, error) {
	token, err := s.cfg.token()
	if err != nil {
		return nil, fmt.Errorf("read the token of identity providers: %w", err)
	}
	sent := edge.Bearer(r)
	if token != "" && subtle.ConstantTimeCompare([]byte(sent), []byte(token)) == 1 {
		return &identity.Identity{Anonymous: true}, nil
	}
	who, err := edge.AdmitTenant(r.Context(), sent, r.PathValue("tenant"))
	if err == nil && token != "" && (who == nil || who.Anonymous) {
		err = no(http.StatusUnauthorized, "send Authorization: Bearer with the token of scim.token")
	}
	if err != nil && problemOf(err).status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="scim"`)
	}
	return who, err
}

func readRequest(w http.ResponseWriter, r *http.Request) (*request, error) {
	in := &request{
		method: r.Method, query: r.URL.Query(),
		ifMatch: r.Header.Get("If-Match"), ifNoneMatch: r.Header.Get("If-None-Match"),
	}
	in.tenant = r.PathValue("tenant")
	in.at = baseOf(r, in.tenant)
	var err error
	if in.path, err = segments(r.URL); err != nil {
		return nil, err
	}
	if r.Method != http.MethodPost && r.Method != http.MethodPut && r.Method != http.MethodPatch {
		return in, nil
	}
	in.body, in.unread = readBody(w, r)
	return in, nil
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := takesContent(r.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestBody))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return nil, no(http.StatusRequestEntityTooLarge, "the body has more than %d bytes: send less at once", longestBody)
	}
	if err != nil {
		return nil, bad(invalidSyntax, "the body broke off")
	}
	return body, nil
}

// object is the body. Whether a body is wanted at all is found first, so that a wrong method is called just that.
func (in *request) object() (object, error) {
	if in.unread != nil {
		return nil, in.unread
	}
	return decode(in.body)
}

// segments of the path behind the tenant. An id may have any character, so they are taken apart before they are decoded.
func segments(u *url.URL) ([]string, error) {
	all := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")[3:] // scim, v2, the tenant
	for i, one := range all {
		text, err := url.PathUnescape(one)
		if err != nil {
			return nil, no(http.StatusNotFound, "%q is no path", short(u.EscapedPath()))
		}
		all[i] = text
	}
	return all, nil
}

// takesContent refuses what a form of some web page could send: without a token that is the only thing between a page and us.
func takesContent(contentType string) error {
	kind, _, err := mime.ParseMediaType(contentType)
	if err == nil && (kind == scimJSON || kind == "application/json") {
		return nil
	}
	return no(http.StatusUnsupportedMediaType, "Content-Type is %q, and %s or application/json is expected", short(contentType), scimJSON)
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, a *answer) {
	s.metrics.request(r.Method, a.status)
	h := w.Header()
	if a.location != "" {
		h.Set("Location", a.location)
	}
	if a.version != "" {
		h.Set("ETag", a.version)
	}
	if a.allow != "" {
		h.Set("Allow", a.allow)
	}
	if a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests {
		h.Set("Retry-After", retryAfter)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	h.Set("Content-Type", scimJSON)
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_ = json.NewEncoder(w).Encode(a.body) // the caller may be gone; there is nobody else to tell
	}
}
