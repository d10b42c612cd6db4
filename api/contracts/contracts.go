// Package contracts serves the contracts as a page: what a reader may count on, each topic with its events, each event with
// its fields and an example. It is made once from the AsyncAPI document; nothing of it runs in the browser.
package contracts

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/busyhour/busyhour/api/asyncapi"
)

//go:embed page.html page.css
var files embed.FS

// policy lets the page load its style sheet and nothing else.
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"

// Handler serves /contracts and what hangs below it.
func Handler() (http.Handler, error) {
	p, err := build()
	if err != nil {
		return nil, err
	}
	t, err := template.ParseFS(files, "page.html")
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	if err := t.Execute(&page, p); err != nil {
		return nil, err
	}
	css, err := files.ReadFile("page.css")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /contracts", file("text/html; charset=utf-8", "", page.Bytes()))
	mux.Handle("GET /contracts/{$}", http.RedirectHandler("/contracts", http.StatusMovedPermanently))
	mux.Handle("GET /contracts/page.css", file("text/css; charset=utf-8", "", css))
	mux.Handle("GET /contracts/asyncapi.yaml", file("application/yaml", "busyhour-asyncapi.yaml", asyncapi.Document))
	mux.Handle("GET /contracts/descriptors.binpb", file("application/octet-stream", "busyhour-descriptors.binpb", asyncapi.Descriptors))
	return mux, nil
}

func file(kind, saveAs string, data []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		if saveAs != "" {
			h.Set("Content-Disposition", `attachment; filename="`+saveAs+`"`)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
}

// anchor is an id that a link can name.
func anchor(name string) string { return strings.ReplaceAll(name, "/", "-") }
