package scimstub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"
)

// Behaviour is how the stub answers. The shares are of all requests, and together at most 1; the rest goes well.
type Behaviour struct {
	// Latency before anything is done. Who leaves meanwhile has changed nothing.
	Latency Duration `json:"latency"`
	// Errors is the share that is answered 500, and changes nothing.
	Errors float64 `json:"errors"`
	// Throttles is the share that is answered 429 with Retry-After, and changes nothing.
	Throttles float64 `json:"throttles"`
	// RetryAfter of a 429, in whole seconds; zero: the header is left out.
	RetryAfter Duration `json:"retry_after"`
	// Resets is the share whose connection is reset before anything is done.
	Resets float64 `json:"resets"`
	// Losses is the share that is done, and then never answered.
	Losses float64 `json:"losses"`
	// Malformed is the share that is done, and answered with half of the JSON.
	Malformed float64 `json:"malformed"`
}

// Duration is written as in 5ms.
type Duration time.Duration

func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// Validate says everything that is wrong, at once.
func (b Behaviour) Validate() error {
	var problems []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	for _, share := range []float64{b.Errors, b.Throttles, b.Resets, b.Losses, b.Malformed} {
		want(share >= 0, "%v is no share; 0 to 1", share)
	}
	sum := b.Errors + b.Throttles + b.Resets + b.Losses + b.Malformed
	want(sum <= 1, "the shares make %v, more than all requests", sum)
	want(b.Latency >= 0, "latency: %s is before the request", time.Duration(b.Latency))
	want(b.RetryAfter >= 0, "retry_after: %s is over already", time.Duration(b.RetryAfter))
	return errors.Join(problems...)
}

// mood of one request.
type mood int

const (
	well mood = iota
	fails
	throttles
	resets
	loses
	garbles
)

// mood that a number below 1 stands for.
func (b Behaviour) mood(drawn float64) mood {
	for i, share := range []float64{b.Errors, b.Throttles, b.Resets, b.Losses, b.Malformed} {
		if drawn -= share; drawn < 0 {
			return fails + mood(i)
		}
	}
	return well
}

// longestLoss is when a caller with no time-out of its own is let go.
const longestLoss = 5 * time.Minute

// moody lets the mood of the moment into each request.
func (s *Stub) moody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := s.now()
		m := b.mood(rand.Float64())
		if m == resets {
			reset(w)
			return
		}
		whole(r)
		if !stays(r, time.Duration(b.Latency)) {
			return
		}
		switch m {
		case fails:
			problem{status: http.StatusInternalServerError, detail: "the stub was told to go wrong"}.write(w)
		case throttles:
			if seconds := int(time.Duration(b.RetryAfter).Seconds()); seconds > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(seconds))
			}
			problem{status: http.StatusTooManyRequests, detail: "the stub was told to ask for patience"}.write(w)
		case loses:
			next.ServeHTTP(httptest.NewRecorder(), r)
			stays(r, longestLoss)
			reset(w)
		case garbles:
			garble(w, r, next)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// whole reads the body: only then does the server see that a caller leaves.
func whole(r *http.Request) {
	var body bytes.Buffer
	_, err := body.ReadFrom(http.MaxBytesReader(nil, r.Body, maxBody))
	r.Body = bodyOf{&body, err}
}

// bodyOf is a body that was read, with the error that ended it.
type bodyOf struct {
	*bytes.Buffer
	err error
}

func (b bodyOf) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	return b.Buffer.Read(p)
}

func (bodyOf) Close() error { return nil }

// stays waits, and says whether the caller has.
func stays(r *http.Request, d time.Duration) bool {
	if d == 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// reset closes the connection so that the caller is sent a reset, not an end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2: the stream is reset
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// garble answers with the first half of what there is to say, as if it were all.
func garble(w http.ResponseWriter, r *http.Request, next http.Handler) {
	said := httptest.NewRecorder()
	next.ServeHTTP(said, r)
	body := said.Body.Bytes()
	if !json.Valid(body) { // nothing was said, so nothing is lost
		body = []byte("{{")
	}
	w.Header().Set("Content-Type", scimJSON)
	w.WriteHeader(said.Code)
	_, _ = w.Write(body[:len(body)/2])
}
