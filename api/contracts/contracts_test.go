package contracts

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/busyhour/busyhour/api/events"
	"github.com/busyhour/busyhour/api/topics"
)

func get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	h, err := Handler()
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusOK || w.Body.Len() == 0 {
		t.Fatalf("%s: %d", path, w.Code)
	}
	return w
}

func TestThePageHasEveryTopicAndType(t *testing.T) {
	page := get(t, "/contracts").Body.String()
	for _, p := range topics.Plan() {
		if !strings.Contains(page, `<section id="`+p.Name+`">`) {
			t.Errorf("%s is not on the page", p.Name)
		}
	}
	for _, e := range events.Table() {
		if !strings.Contains(page, e.Type) {
			t.Errorf("%s is not on the page", e.Type)
		}
	}
	if !strings.Contains(page, "queued -&gt; offered") {
		t.Error("what the protos say is not on the page")
	}
}

func TestDownloads(t *testing.T) {
	for path, kind := range map[string]string{
		"/contracts/asyncapi.yaml": "application/yaml", "/contracts/descriptors.binpb": "application/octet-stream", "/contracts/page.css": "text/css; charset=utf-8",
	} {
		if got := get(t, path).Header().Get("Content-Type"); got != kind {
			t.Errorf("%s is %s", path, got)
		}
	}
}
