package bulk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// oldWay is a careful client of the downstream: it searches before it creates, keeps to Retry-After, and tries again until
// it is through. Only its caller waits meanwhile.
type oldWay struct {
	http *http.Client
	url  string
}

func newOldWay(stub string, timeout time.Duration) *oldWay {
	return &oldWay{&http.Client{Timeout: timeout, Transport: &http.Transport{}}, stub + "/scim/v2/Users"}
}

const (
	firstBackoff = 200 * time.Millisecond
	longBackoff  = 10 * time.Second
)

// insist until the user is there. An error is the end of ctx.
func (o *oldWay) insist(ctx context.Context, u user) error {
	for backoff := firstBackoff; ; backoff = min(2*backoff, longBackoff) {
		patience, err := o.create(ctx, u)
		if err == nil {
			return nil
		}
		if err := simulate.Wait(ctx, max(backoff, patience)); err != nil {
			return err
		}
	}
}

// create the user, unless it is there.
func (o *oldWay) create(ctx context.Context, u user) (patience time.Duration, err error) {
	var found struct{ TotalResults *int }
	filter := url.QueryEscape(fmt.Sprintf("externalId eq %q", u["externalId"]))
	if patience, err = o.ask(ctx, http.MethodGet, o.url+"?filter="+filter, nil, &found); err != nil {
		return patience, err
	}
	if found.TotalResults == nil || *found.TotalResults > 0 {
		return 0, nil
	}
	return o.ask(ctx, http.MethodPost, o.url, u, &user{})
}

func (o *oldWay) ask(ctx context.Context, method, address string, what user, into any) (patience time.Duration, err error) {
	body, err := json.Marshal(what)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	res, err := o.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	if res.StatusCode >= 300 {
		after, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return time.Duration(after) * time.Second, fmt.Errorf("%s", res.Status)
	}
	return 0, json.Unmarshal(text, into)
}
