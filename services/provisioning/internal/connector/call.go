package connector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/protobuf/encoding/protojson"
)

// kind of an answer.
type kind int

const (
	taken     kind = iota
	refused        // it will say no again
	wentWrong      // it may go well the next time
	notNow         // it asked for patience
)

type said struct {
	kind  kind
	words string
	// patience is how long it asked not to be called.
	patience time.Duration
}

var errWentWrong = errors.New("the downstream went wrong")

const (
	// maxPatience bounds what a Retry-After can do to us.
	maxPatience = 5 * time.Minute
	// longestWords of a downstream that are kept.
	longestWords = 300
)

// call makes one call and says what came of it.
func (c *Connector) call(ctx context.Context, change Change) said {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := c.request(ctx, change)
	if err != nil {
		return said{kind: refused, words: err.Error()}
	}
	began := time.Now()
	res, err := c.http.Do(req)
	if err != nil {
		c.metrics.call(began, "none")
		return said{kind: wentWrong, words: c.withoutAddress(ctx, err)}
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 16<<10)) // only to quote it; the status has decided
	c.metrics.call(began, strconv.Itoa(res.StatusCode))
	return judge(res, string(body), change.Deleted)
}

func (c *Connector) request(ctx context.Context, change Change) (*http.Request, error) {
	method, address, body := c.cfg.Method, c.cfg.URL, []byte(nil)
	if change.Deleted {
		method, address = http.MethodDelete, c.cfg.deleteURL()
	} else {
		var err error
		if body, err = protojson.Marshal(change.Agent); err != nil {
			return nil, fmt.Errorf("encode agent %s: %w", change.Agent.GetId(), err)
		}
	}
	address = strings.NewReplacer("{tenant}", url.PathEscape(change.Tenant), "{id}", url.PathEscape(change.Agent.GetId())).Replace(address)
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("downstream.url: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Idempotency-Key", change.Key)
	if c.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	otel.GetTextMapPropagator().Inject(ctx, propagation.HeaderCarrier(req.Header))
	return req, nil
}

// withoutAddress is what went wrong, in words for an outcome that other teams read.
func (c *Connector) withoutAddress(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", c.cfg.Timeout)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}

func judge(res *http.Response, body string, deleted bool) said {
	s := said{words: res.Status, patience: retryAfter(res.Header.Get("Retry-After"), time.Now())}
	if text := printable(body); text != "" {
		s.words += ": " + text
	}
	code := res.StatusCode
	switch {
	case code >= 200 && code < 300:
		s.kind, s.patience = taken, 0
	case deleted && (code == http.StatusNotFound || code == http.StatusGone):
		s.kind = taken
	case code == http.StatusTooManyRequests:
		s.kind = notNow
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code >= 500 && code != http.StatusNotImplemented:
		s.kind = wentWrong
	default:
		s.kind = refused
	}
	return s
}

// retryAfter reads the header's two forms: seconds, or a date.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(header)); err == nil {
		return time.Duration(min(max(seconds, 0), int(maxPatience.Seconds()))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(at.Sub(now), 0), maxPatience)
	}
	return 0
}

// printable keeps what a person can read of somebody else's body.
func printable(body string) string {
	body = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(body, " "))
	body = strings.Join(strings.Fields(body), " ")
	if runes := []rune(body); len(runes) > longestWords {
		return string(runes[:longestWords]) + "…"
	}
	return body
}
