package bulk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/scimstub"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// stub is the downstream: `busyhour stub scim`, a process of its own. It is lax, so what is created twice is there twice.
type stub struct {
	fleet.Child
	url string
}

// startStub waits until it answers.
func startStub(ctx context.Context, bin, dir, name string) (*stub, error) {
	at, err := fleet.FreeAddress()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	s := &stub{Child: fleet.Child{Name: name, Log: filepath.Join(dir, name+".log")}, url: "http://" + at}
	if err := s.Launch([]string{filepath.Join(bin, "busyhour"), "stub", "scim", "--lax", "--listen", at}, os.Environ()); err != nil {
		return nil, err
	}
	soon, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if _, err = s.counts(soon); err == nil {
			return s, nil
		}
		if simulate.Wait(soon, 20*time.Millisecond) != nil {
			_ = s.Kill()
			return nil, fmt.Errorf("%s does not answer: %w\n%s", name, err, s.Tail(5))
		}
	}
}

// behave from now on.
func (s *stub) behave(ctx context.Context, b scimstub.Behaviour) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return s.ask(ctx, http.MethodPut, "/stub/behaviour", text, &scimstub.Behaviour{})
}

func (s *stub) counts(ctx context.Context) (c scimstub.Counts, err error) {
	return c, s.ask(ctx, http.MethodGet, "/stub/counts", nil, &c)
}

// users that it has, page by page. It must behave well by now.
func (s *stub) users(ctx context.Context) (all []user, err error) {
	for {
		var page struct {
			TotalResults int
			Resources    []user
		}
		if err := s.ask(ctx, http.MethodGet, fmt.Sprintf("/scim/v2/Users?count=200&startIndex=%d", len(all)+1), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Resources...)
		if len(page.Resources) == 0 || len(all) >= page.TotalResults {
			return all, nil
		}
	}
}

func (s *stub) ask(ctx context.Context, method, path string, body []byte, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, text)
	}
	if err != nil {
		return fmt.Errorf("the stub's %s %s: %w", method, path, err)
	}
	return json.Unmarshal(text, into)
}
