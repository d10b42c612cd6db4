package boot

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/telemetry"
)

// OpsParts serve those who run the process. They start first and stop last, so that it can be watched to its end. Their
// addresses are taken at once.
func OpsParts(c Common, b *Backends, svc watched) ([]Part, error) {
	h := edge.OpsHandler(b.Registry, svc.Ready, svc.Operations())
	if c.OpsTLS && c.TLS.ClientCA != "" {
		h = edge.Certified(h)
	}
	over, err := c.opsTLS()
	if err != nil {
		return nil, err
	}
	ops, err := listener("ops", c.Ops, over, h, b.Log)
	if err != nil || c.Pprof == "" {
		return []Part{ops}, err
	}
	pprof, err := listener("pprof", c.Pprof, nil, edge.PprofHandler(), b.Log)
	return []Part{ops, pprof}, err
}

// opsTLS asks callers for a certificate and insists on none: see edge.Certified.
func (c *Common) opsTLS() (*tls.Config, error) {
	if !c.OpsTLS {
		return nil, nil
	}
	s, err := c.TLS.server(tls.VerifyClientCertIfGiven)
	if err != nil {
		return nil, err
	}
	return s.Config(), nil
}

// watched is what those who run a process see of it.
type watched interface {
	Ready() error
	Operations() http.Handler
}

func listener(name, address string, over *tls.Config, h http.Handler, log *zap.Logger) (Part, error) {
	s := edge.NewServer(edge.ServerConfig{Listen: address, Grace: time.Second, TLS: over}, log.Named(name), prometheus.NewRegistry())
	s.Handle("/", h)
	return Part{Name: name, Run: s.Run}, s.Open()
}

// PolicyPart watches whether Redis may forget.
func (b *Backends) PolicyPart() Part { return Part{Name: "redis policy", Run: b.watchPolicy} }

// watchPolicy looks every minute whether someone has allowed Redis to forget.
func (b *Backends) watchPolicy(ctx context.Context) error {
	mayForget := telemetry.Register(b.Registry, prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "busyhour_redis_may_forget",
		Help: "1 if Redis has a maxmemory-policy other than noeviction.",
	}))
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		mayForget.Set(0)
		if err := checkPolicy(ctx, b.Redis); errors.Is(err, errForgets) {
			mayForget.Set(1)
			b.Log.Error("redis policy", zap.Error(err))
		}
	}
}

// askReady asks the process that has the same configuration whether it is ready. Images have no shell and no curl to do it.
func askReady(ctx context.Context, c *Common) error {
	host, port, err := net.SplitHostPort(c.Ops)
	if err != nil {
		return fmt.Errorf("ops.listen: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	client, scheme := &http.Client{}, "http"
	if c.OpsTLS {
		client.Transport, scheme = ourselves(c.TLS), "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10)) // only to say why
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", strings.TrimSpace(string(text)))
	}
	return nil
}

// ourselves is a transport that speaks to nobody who has another certificate than we have.
func ourselves(c ServerTLS) *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // it need not be for this host's own address; VerifyConnection knows it
		VerifyConnection: func(s tls.ConnectionState) error {
			own, err := tls.LoadX509KeyPair(c.Cert, c.Key)
			if err != nil {
				return err
			}
			if !bytes.Equal(own.Certificate[0], s.PeerCertificates[0].Raw) {
				return errors.New("who answers on ops.listen has another certificate than tls.cert")
			}
			return nil
		},
	}}
}
