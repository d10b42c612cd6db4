// Package proxy passes the page's calls on to other services, so that the page has one origin.
package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/refusal"
	"go.uber.org/zap"
)

// New passes requests on to the first of the servers that can be reached. Streams are passed on as they come.
func New(service string, servers []string, peers *boot.Peers, log *zap.Logger) (http.Handler, error) {
	targets := make([]*url.URL, len(servers))
	for i, s := range servers {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" {
			return nil, errors.Join(errors.New("the address of "+service+" is no URL: "+s), err)
		}
		targets[i] = u
	}
	t := &inTurn{targets: targets, next: peers.Secure(transport())}
	return &httputil.ReverseProxy{
		Transport:     t,
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetXForwarded() },
		ErrorLog:      zap.NewStdLog(log),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			log.Info("call not passed on", zap.String("to", service), zap.String("path", r.URL.Path), zap.Error(err))
			edge.WriteError(w, r, log, refusal.New(refusal.Unavailable, "SERVICE_UNAVAILABLE", "%s does not answer", service).To("try again"))
		},
	}, nil
}

func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}).DialContext
	t.MaxIdleConnsPerHost = 64
	return t
}

// inTurn goes on to the next server when one can't be dialled: then nothing of the request has been sent.
type inTurn struct {
	targets []*url.URL
	good    atomic.Uint32
	next    http.RoundTripper
}

func (t *inTurn) RoundTrip(r *http.Request) (res *http.Response, err error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	first := int(t.good.Load())
	for i := range t.targets {
		at := (first + i) % len(t.targets)
		if res, err = t.next.RoundTrip(to(t.targets[at], r)); !undialled(err) {
			t.good.Store(uint32(at))
			return res, err
		}
	}
	return nil, err
}

// to is the request for one server. Its body survives a server that can't be dialled.
func to(target *url.URL, r *http.Request) *http.Request {
	own := r.Clone(r.Context())
	own.URL.Scheme, own.URL.Host, own.Host = target.Scheme, target.Host, target.Host
	if r.Body != nil {
		own.Body = io.NopCloser(r.Body)
	}
	return own
}

func undialled(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
