package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/busyhour/busyhour/pkg/identity"
)

func get(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPageAndAssetsAreCachedAsTheyShould(t *testing.T) {
	h := handler(fstest.MapFS{
		"index.html":          {Data: []byte("<!doctype html>")},
		"assets/main-abcd.js": {Data: []byte("export {}")},
		".gitkeep":            {},
	}, func() identity.Page { return identity.Page{Anonymous: true} })
	index := get(h, "GET", "/")
	if index.Code != 200 || index.Header().Get("Cache-Control") != "no-cache" || !strings.HasPrefix(index.Header().Get("Content-Type"), "text/html") {
		t.Errorf("index: %d %v", index.Code, index.Header())
	}
	if !strings.Contains(index.Header().Get("Content-Security-Policy"), "default-src 'self'") {
		t.Error("the page may load what it likes")
	}
	if again := get(h, "GET", "/", "If-None-Match", index.Header().Get("Etag")); again.Code != http.StatusNotModified {
		t.Errorf("unchanged index sent again: %d", again.Code)
	}
	asset := get(h, "GET", "/assets/main-abcd.js")
	if asset.Code != 200 || !strings.Contains(asset.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("asset: %d %v", asset.Code, asset.Header())
	}
	for path, code := range map[string]int{"/nothing.js": 404, "/.gitkeep": 404, "/assets": 404, "/../web.go": 404} {
		if got := get(h, "GET", path).Code; got != code {
			t.Errorf("%s: %d, want %d", path, got, code)
		}
	}
	if got := get(h, "POST", "/").Code; got != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", got)
	}
}

func TestWithoutThePageTheAnswerSaysWhatToDo(t *testing.T) {
	w := get(handler(fstest.MapFS{".gitkeep": {}}, nil), "GET", "/")
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "make page") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestThePageMayTalkToWherePeopleLogIn(t *testing.T) {
	where := LogIn(func() identity.Page {
		return identity.Page{ClientID: "desk", TokenURL: "https://login.example.com/token"}
	})
	index := get(handler(fstest.MapFS{"index.html": {}}, where), "GET", "/")
	if got := index.Header().Get("Content-Security-Policy"); !strings.HasSuffix(got, "; connect-src 'self' https://login.example.com") {
		t.Error(got)
	}
	if told := get(where, "GET", "/auth/config"); told.Body.String() != `{"anonymous":false,"clientId":"desk","tokenUrl":"https://login.example.com/token"}`+"\n" {
		t.Error(told.Body)
	}
}
