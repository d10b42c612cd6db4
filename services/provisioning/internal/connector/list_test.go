package connector

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
)

// paged answers pages of users with these externalIds, two at once.
func paged(refusing string, externalIDs ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		q := r.URL.Query()
		if q.Get("filter") == refusing {
			return answer(400, "invalidFilter"), nil
		}
		var from int
		if _, err := fmt.Sscan(q.Get("startIndex"), &from); err != nil || r.URL.Path != "/acme/scim/v2/Users" {
			return answer(418, r.URL.String()), nil
		}
		text := ""
		for i, id := range externalIDs[from-1 : min(from+1, len(externalIDs))] {
			text += fmt.Sprintf(`,{"id": "%d", "externalId": %q}`, i, id)
		}
		return answer(200, fmt.Sprintf(`{"totalResults": %d, "Resources": [%s]}`, len(externalIDs), text[1:])), nil
	}
}

func TestOursAreListedPageByPage(t *testing.T) {
	const filter = `externalId sw "acme/"`
	for _, c := range []struct{ name, refusing string }{{"by the filter", "none"}, {"without", filter}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := to(paged(c.refusing, "acme/ann", "other/bea", "acme/", "acme/c/d", "", "ACME/ed", "acme/fay"), asSCIM)
				var all []string
				pages := 0
				for from := 1; from > 0; pages++ {
					ids, next, err := d.List(t.Context(), "acme", from)
					if err != nil {
						t.Fatal(err)
					}
					all, from = append(all, ids...), next
				}
				if got := fmt.Sprint(pages, all); got != "4 [ann c/d fay]" {
					t.Errorf("%s", got)
				}
			})
		})
	}
}

func TestWhatCannotBeListed(t *testing.T) {
	never := func(*http.Request) (*http.Response, error) { return nil, errors.New("called") }
	if _, _, err := to(never, nil).List(t.Context(), "acme", 1); !errors.Is(err, ErrUnlistable) {
		t.Errorf("%v, want ErrUnlistable", err)
	}
	if ids, next, err := (*Connector)(nil).List(t.Context(), "acme", 1); len(ids) > 0 || next > 0 || err != nil {
		t.Errorf("without a downstream: %q, %d, %v", ids, next, err)
	}
	synctest.Test(t, func(t *testing.T) {
		d := to(func(*http.Request) (*http.Response, error) { return answer(403, "no"), nil }, asSCIM)
		if _, _, err := d.List(t.Context(), "acme", 1); err == nil || err.Error() != "list the agents in the downstream: 403 Forbidden: no" {
			t.Errorf("%v", err)
		}
	})
}

func TestWhoCanBeReadBack(t *testing.T) {
	readable := func(cfg *Config) { cfg.ReadURL = "https://crm.example/{id}" }
	for _, c := range []struct {
		of   *Connector
		want error
	}{{nil, ErrNoDownstream}, {to(nil, nil), ErrUnreadable}, {to(nil, readable), nil}, {to(nil, asSCIM), nil}} {
		if err := c.of.Readable(); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
}
