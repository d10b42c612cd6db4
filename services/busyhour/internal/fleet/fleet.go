// Package fleet runs the services as they run in production: as processes with configuration files, several of each,
// against real servers. The benchmark and the end-to-end tests stand on it.
package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/busyhour/busyhour/pkg/tlsfiles"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// Names of the services, in the order in which they start.
const (
	Provisioning = "provisioning"
	Routing      = "call-routing"
	Presence     = "agent-presence"
)

var services = []string{Provisioning, Routing, Presence}

// Config says what to run, and against what.
type Config struct {
	// Bin has the binaries; Dir gets configuration files and logs.
	Bin, Dir string
	Servers  Servers
	Tenants  []string
	// Copies of each service.
	Copies int
	// Set are further keys of a service's configuration, dotted.
	Set map[string]map[string]any
	// TLS knows the services, and shows them who we are, if their keys make them speak TLS.
	TLS tlsfiles.Files
	// Environment of every process, beside its file: what an older version does not know it passes over there.
	Environment []string
}

// Fleet is all processes.
type Fleet struct {
	cfg       Config
	processes map[string][]*Process
}

// New plans a fleet: ports are taken and files written, nothing is started.
func New(cfg Config) (*Fleet, error) {
	f := &Fleet{cfg: cfg, processes: map[string][]*Process{}}
	for _, s := range services {
		for n := range cfg.Copies {
			p := &Process{Service: s, binary: filepath.Join(cfg.Bin, s), environment: cfg.Environment, scheme: "http", http: http.DefaultClient}
			if cfg.TLS != (tlsfiles.Files{}) {
				secure, err := tlsfiles.NewClient(cfg.TLS, "")
				if err != nil {
					return nil, err
				}
				p.scheme, p.http = "https", &http.Client{Transport: secure.Secure(&http.Transport{})}
			}
			p.Name = fmt.Sprintf("%s-%d", s, n+1)
			var err error
			if p.listen, err = FreeAddress(); err != nil {
				return nil, err
			}
			if p.ops, err = FreeAddress(); err != nil {
				return nil, err
			}
			p.config = filepath.Join(cfg.Dir, p.Name+".json")
			p.Log = filepath.Join(cfg.Dir, p.Name+".log")
			f.processes[s] = append(f.processes[s], p)
		}
	}
	for _, p := range f.All() {
		if err := f.write(p); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// write the process's configuration file.
func (f *Fleet) write(p *Process) error {
	keys := map[string]any{
		"listen": p.listen, "ops.listen": p.ops, "pod": p.Name, "tenants": f.cfg.Tenants,
		"kafka.brokers": f.cfg.Servers.Kafka, "redis.addresses": f.cfg.Servers.Redis, "redis.db": f.cfg.Servers.RedisDB,
		"nats.url": f.cfg.Servers.NATS,
	}
	if p.Service == Presence {
		keys["routing.urls"], keys["provisioning.urls"] = f.URLs(Routing), f.URLs(Provisioning)
	}
	for k, v := range f.cfg.Set[p.Service] {
		keys[k] = v
	}
	b, err := json.MarshalIndent(nest(keys), "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.cfg.Dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(p.config, b, 0o600)
}

// nest makes sections of dotted keys.
func nest(keys map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range keys {
		at, path := out, strings.Split(k, ".")
		for _, section := range path[:len(path)-1] {
			inner, ok := at[section].(map[string]any)
			if !ok {
				inner = map[string]any{}
				at[section] = inner
			}
			at = inner
		}
		at[path[len(path)-1]] = v
	}
	return out
}

// Start starts every process and waits until all are ready.
func (f *Fleet) Start(ctx context.Context) error {
	for _, p := range f.All() {
		if err := p.Start(); err != nil {
			return err
		}
	}
	for _, p := range f.All() {
		if err := p.Ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends every process as an orchestrator does, the last started first.
func (f *Fleet) Stop() error {
	var failed []error
	all := f.All()
	for i := len(all) - 1; i >= 0; i-- {
		failed = append(failed, all[i].Stop())
	}
	return errors.Join(failed...)
}

// Kill ends every process that still runs, at once.
func (f *Fleet) Kill() {
	for _, p := range f.All() {
		_ = p.Kill()
	}
}

// All processes, in the order in which they start.
func (f *Fleet) All() (all []*Process) {
	for _, s := range services {
		all = append(all, f.processes[s]...)
	}
	return all
}

// Of a service.
func (f *Fleet) Of(service string) []*Process { return f.processes[service] }

// URLs of a service.
func (f *Fleet) URLs(service string) (urls []string) {
	for _, p := range f.processes[service] {
		urls = append(urls, p.URL())
	}
	return urls
}

// Targets are where the simulator finds the fleet.
func (f *Fleet) Targets() simulate.Targets {
	return simulate.Targets{Routing: f.URLs(Routing), Presence: f.URLs(Presence), Provisioning: f.URLs(Provisioning), TLS: f.cfg.TLS}
}
