package connector

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// kind of a reply.
type kind int

const (
	taken     kind = iota
	refused        // it will say no again
	wentWrong      // it may go well the next time
	notNow         // it asked for patience
	putOff         // it was not asked, for a pause has begun
)

type said struct {
	kind  kind
	words string
	// patience is how long it asked not to be called.
	patience time.Duration
}

// reply to one request. Its said is what the status alone tells.
type reply struct {
	said
	status int // 0: none came
	body   []byte
	// secrets that were shown to the downstream; nobody else may read them in what it answers.
	secrets []string
}

// gone says that there is nothing at the address.
func (a reply) gone() bool { return a.status == http.StatusNotFound || a.status == http.StatusGone }

var errWentWrong = errors.New("the downstream went wrong")

const (
	// maxPatience bounds what a Retry-After can do to us.
	maxPatience = 5 * time.Minute
	// longestWords of a downstream that are kept.
	longestWords = 300
)

func judge(res *http.Response, body string) said {
	s := said{words: res.Status, patience: retryAfter(res.Header.Get("Retry-After"), time.Now())}
	if text := printable(body); text != "" {
		s.words += ": " + text
	}
	code := res.StatusCode
	switch {
	case code >= 200 && code < 300:
		s.kind, s.patience = taken, 0
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
