// Package operate does by hand what operators do to a running service, over its private port.
package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/pkg/tlsfiles"
)

// Pod is the operations port of one process of a service.
type Pod struct {
	// URL is http://host:port, or where busyhour up has it: http://host:port/ops/<service>.
	URL string
	// TLS knows it at an https address, and shows it who we are.
	TLS tlsfiles.Files
	// Token says who asks; nil, or an empty one: nobody, for an operations port of a service asks nobody.
	Token edge.TokenSource
}

// Statusz asks how the pod's tenants stand.
func (p Pod) Statusz(ctx context.Context) (*rebuild.Statusz, error) {
	s := &rebuild.Statusz{}
	return s, p.do(ctx, http.MethodGet, "/statusz", s)
}

// Rebuild has a tenant's state built anew, and returns when it is open again.
func (p Pod) Rebuild(ctx context.Context, tenant string) (*rebuild.TenantStatus, error) {
	s := &rebuild.TenantStatus{}
	return s, p.do(ctx, http.MethodPost, "/state/rebuild?tenant="+url.QueryEscape(tenant), s)
}

// Verify has all stored records of a tenant compared with the log.
func (p Pod) Verify(ctx context.Context, tenant string) (*rebuild.Verification, error) {
	v := &rebuild.Verification{}
	return v, p.do(ctx, http.MethodPost, "/state/verify?tenant="+url.QueryEscape(tenant), v)
}

func (p Pod) do(ctx context.Context, method, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(p.URL, "/")+path, nil)
	if err != nil {
		return fmt.Errorf("ops-url %q: %w", p.URL, err)
	}
	req.Header.Set("Accept", "application/json")
	if p.Token != nil {
		token, err := p.Token(ctx)
		if err != nil {
			return err
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
	}
	secure, err := tlsfiles.NewClient(p.TLS, "")
	if err != nil {
		return err
	}
	client := &http.Client{Transport: secure.Secure(&http.Transport{DisableKeepAlives: true})}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no answer from %s (name a pod's operations port with --ops-url): %w", p.URL, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("answer of %s: %w", req.URL, err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %w", req.URL, refusalIn(res.Status, body))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s answers what is no %T (is it an operations port of this version?): %w", req.URL, into, err)
	}
	return nil
}

// refusalIn finds the words for people in an answer that is not OK.
func refusalIn(status string, body []byte) error {
	var said struct{ Message string }
	if json.Unmarshal(body, &said) == nil && said.Message != "" {
		return errors.New(said.Message)
	}
	return fmt.Errorf("%s: %s", status, strings.TrimSpace(string(body)))
}
