package fleet

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// Process is one copy of one service.
type Process struct {
	Child
	Service string

	binary, config, listen, ops, scheme string

	http        *http.Client
	environment []string
}

// URL of its public port.
func (p *Process) URL() string { return p.scheme + "://" + p.listen }

// Ops is the address of health and metrics.
func (p *Process) Ops() string { return p.scheme + "://" + p.ops }

// Start it; it is not ready yet.
func (p *Process) Start() error { return p.StartAs(p.binary) }

// StartAs starts another build of it, with more environment.
func (p *Process) StartAs(binary string, environment ...string) error {
	return p.Launch([]string{binary, "--config", p.config}, slices.Concat(foreign(os.Environ()), p.environment, environment))
}

// foreign drops our own variables: the configuration file says everything, and BUSYHOUR_REDIS_CLUSTER, for one, is a
// list of nodes to the tests and a switch to a service.
func foreign(environment []string) []string {
	return slices.DeleteFunc(environment, func(v string) bool { return strings.HasPrefix(v, "BUSYHOUR_") })
}

// Ready waits until it says that it is.
func (p *Process) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, exited := p.now()
	for {
		why := p.ready(ctx)
		if why == nil {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("%s ended at its start: %w\n%s", p.Name, p.err, p.Tail(20))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", p.Name, why, p.Tail(20))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *Process) ready(ctx context.Context) error {
	_, err := p.get(ctx, "/readyz")
	return err
}

func (p *Process) get(ctx context.Context, path string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Ops()+path, nil)
	if err != nil {
		return "", err
	}
	res, err := p.http.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, strings.TrimSpace(string(body)))
	}
	return string(body), err
}
