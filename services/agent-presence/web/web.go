// Package web serves the page: agent desktop, queue figures and bulk jobs. Its source is beside this file; Vite builds it into dist,
// which is embedded here.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/busyhour/busyhour/pkg/identity"
)

//go:embed all:dist
var dist embed.FS

// policy lets the page load nothing but its own files and talk to nobody but its own origin, and to where people log in.
const policy = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; object-src 'none'"

const notBuilt = `The page is not in this binary: it was built without it.

Build it with "make page" (Node.js 20.19 or later), then build again.
Everything else works without it: gRPC, JSON and the WebSocket at /ws/desktop.
`

// LogIn says where people log in, as it stands now.
type LogIn func() identity.Page

// Handler serves the page at /.
func Handler(where LogIn) http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path
	}
	return handler(files, where)
}

// ServeHTTP tells the page: before somebody has logged in it knows nothing else.
func (where LogIn) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(where()) // the caller may be gone
}

func (where LogIn) policy() string {
	at, err := url.Parse(where().TokenURL)
	if err != nil || at.Host == "" {
		return policy
	}
	return policy + "; connect-src 'self' " + at.Scheme + "://" + at.Host
}

func handler(files fs.FS, where LogIn) http.Handler {
	p := page{files: map[string]file{}, where: where}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		data, err := fs.ReadFile(files, name)
		p.files["/"+name] = newFile(name, data)
		return err
	})
	if err != nil {
		panic(err) // embedded files can be read
	}
	return p
}

// page is all files by path. They are few, and in memory anyway.
type page struct {
	files map[string]file
	where LogIn
}

type file struct {
	data              []byte
	kind, etag, cache string
}

func newFile(name string, data []byte) file {
	sum := sha256.Sum256(data)
	f := file{data: data, kind: mime.TypeByExtension(path.Ext(name)), etag: `"` + hex.EncodeToString(sum[:12]) + `"`, cache: "no-cache"}
	if strings.HasPrefix(name, "assets/") { // Vite puts the content's hash into these names
		f.cache = "public, max-age=31536000, immutable"
	}
	return f
}

func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	name := r.URL.Path
	if name == "/" {
		name = "/index.html"
	}
	f, ok := p.files[name]
	switch {
	case ok:
		w.Header().Set("Content-Security-Policy", p.where.policy())
		f.serve(w, r)
	case name == "/index.html":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(notBuilt)) // the caller may be gone
	default:
		http.NotFound(w, r)
	}
}

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", f.cache)
	h.Set("Etag", f.etag)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.data))
}
