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
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
)

// longestQuote is what is read of an answer that is only quoted, longestAnswer of one that is understood.
const longestQuote, longestAnswer = 16 << 10, 1 << 20

// wire carries single requests to the downstream, with our credentials, a time-out and an end to every body.
type wire struct {
	cfg     Config
	pace    *pace
	who     credentials
	http    *http.Client
	metrics *metrics
}

func newWire(cfg Config, p *pace, m *metrics) *wire {
	return &wire{cfg: cfg, pace: p, who: credentialsOf(cfg), metrics: m, http: client(transport(cfg))}
}

func client(by http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: by,
		// A redirect would take the agent, and the token, to a place nobody has configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type request struct {
	method, address, contentType string
	header                       http.Header
	body                         []byte // nil: none
	// quote: the status decides, and the answer's body is words for a person.
	quote bool
}

// send makes one request, and once more if the downstream does not know us by a token that can be replaced.
func (w *wire) send(ctx context.Context, r request) reply {
	a, shown := w.call(ctx, r)
	if a.status == http.StatusUnauthorized && w.who.refused(shown) {
		a, _ = w.call(ctx, r)
	}
	return a
}

// call makes one request, when its turn has come.
func (w *wire) call(ctx context.Context, r request) (reply, shown) {
	if err := w.pace.turn(ctx); err != nil {
		return reply{said: said{kind: putOff, words: err.Error()}}, shown{}
	}
	shown, err := w.who.show(ctx)
	if err != nil {
		return reply{said: said{kind: wentWrong, words: w.cfg.key(err.Error())}}, shown
	}
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	req, err := w.request(ctx, r)
	if err != nil {
		return reply{said: said{kind: refused, words: err.Error()}}, shown
	}
	if shown.authorization != "" {
		req.Header.Set("Authorization", shown.authorization)
	}
	began := time.Now()
	res, err := w.http.Do(req)
	if err != nil {
		w.metrics.call(began, "none")
		return reply{said: said{kind: wentWrong, words: hide(w.withoutAddress(ctx, err), shown.secrets)}}, shown
	}
	defer res.Body.Close()
	a := w.read(ctx, r, res, shown.secrets)
	w.metrics.call(began, strconv.Itoa(res.StatusCode))
	return a, shown
}

func (w *wire) request(ctx context.Context, r request) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.address, bytes.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("%s: %s", w.cfg.key("url"), w.withoutAddress(ctx, err))
	}
	if r.header != nil {
		req.Header = r.header.Clone()
	}
	if r.body != nil {
		req.Header.Set("Content-Type", r.contentType)
	}
	otel.GetTextMapPropagator().Inject(ctx, propagation.HeaderCarrier(req.Header))
	return req, nil
}

// read takes the answer in. One that was taken and did not come whole is not understood, so it went wrong.
func (w *wire) read(ctx context.Context, r request, res *http.Response, secrets []string) reply {
	limit := longestAnswer
	if r.quote {
		limit = longestQuote
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, int64(limit)+1))
	a := reply{status: res.StatusCode, body: body, secrets: secrets, said: judge(res, hide(string(body), secrets))}
	switch {
	case r.quote || a.kind != taken:
	case err != nil:
		a.said = said{kind: wentWrong, words: res.Status + ", but its body broke off: " + w.withoutAddress(ctx, err)}
	case len(body) > limit:
		a.said = said{kind: wentWrong, words: fmt.Sprintf("%s, but its body has more than %d bytes", res.Status, limit)}
	}
	a.words = hide(a.words, secrets) // the status, too, is the downstream's to word
	return a
}

// withoutAddress is what went wrong, in words for an outcome that other teams read.
func (w *wire) withoutAddress(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", w.cfg.Timeout)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}
