// Package stage builds the whole system for a fault run: real servers and two copies of each service as child processes
// on loopback, every connection between any two of them through a door that can be cut, held or slowed for that pair.
package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/chaos/link"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/plan"
)

// Layout of Redis.
type Layout string

const (
	Sentinel Layout = "sentinel" // a primary, a replica, three Sentinels
	Cluster  Layout = "cluster"  // three primaries, a replica each
)

// Config of a stage.
type Config struct {
	// Dir gets everything: data, logs, configuration files.
	Dir string
	// Bin has the services' binaries, Skewed the same built with a clock that can be set (may be empty).
	Bin, Skewed string
	// KafkaLibs has Kafka's jars; KafkaLog is its log4j2 configuration.
	KafkaLibs, KafkaLog string
	Redis               Layout
	Tenants             []string
	Copies              int
}

// Stage is everything that runs.
type Stage struct {
	cfg    Config
	Net    *link.Net
	Fleet  *fleet.Fleet
	Kafka  *Server
	NATS   *Server
	Redis  []*Server
	owners link.Owners
	// Sentinels are empty in a Cluster.
	Sentinels []*Server

	mu      sync.Mutex
	clients map[*Server]*redis.Client
}

// New plans a stage and takes its ports; nothing is started.
func New(ctx context.Context, cfg Config) (s *Stage, err error) {
	s = &Stage{cfg: cfg, clients: map[*Server]*redis.Client{}}
	s.Net = link.New(s.owners.Of)
	redises := s.newSentinelGroup
	if cfg.Redis == Cluster {
		redises = s.newCluster
	}
	for _, plan := range []func(context.Context) error{s.newKafka, redises, s.newNATS, s.newFleet} {
		if err := plan(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// Harness is our own name, as a client.
const Harness = "harness"

// server takes ports and opens the door for one.
func (s *Stage) server(name string) (*Server, error) {
	v := &Server{Dir: filepath.Join(s.cfg.Dir, "data", name)}
	v.Name, v.Log = name, filepath.Join(s.cfg.Dir, name+".log")
	if err := os.MkdirAll(v.Dir, 0o755); err != nil {
		return nil, err
	}
	var err error
	if v.Real, err = fleet.FreeAddress(); err != nil {
		return nil, err
	}
	if v.Door, err = s.door(name, v.Real); err != nil {
		return nil, err
	}
	s.owners.Add(name, v.PID)
	return v, nil
}

func (s *Stage) door(to, real string) (string, error) {
	door, err := fleet.FreeAddress()
	if err != nil {
		return "", err
	}
	return door, s.Net.Door(to, door, real)
}

func (s *Stage) newFleet(context.Context) error {
	// The limit is against pods that see signs where there are none; here the signs are real, and many.
	redis, set := []string{s.Redis[0].Door}, map[string]any{"recovery.limit": 0}
	switch s.cfg.Redis {
	case Sentinel:
		redis = doors(s.Sentinels)
		set["redis.master"] = master
	case Cluster:
		redis = doors(s.Redis)
		set["redis.cluster"] = true
	}
	f, err := fleet.New(fleet.Config{
		Bin: s.cfg.Bin, Dir: filepath.Join(s.cfg.Dir, "fleet"), Tenants: s.cfg.Tenants, Copies: s.cfg.Copies,
		Servers: fleet.Servers{Kafka: []string{s.Kafka.Door}, Redis: redis, NATS: "nats://" + s.NATS.Door},
		Set:     map[string]map[string]any{fleet.Routing: set, fleet.Presence: set, fleet.Provisioning: set},
	})
	if err != nil {
		return err
	}
	for _, p := range f.All() {
		s.owners.Add(p.Name, p.PID)
	}
	s.Fleet = f
	return nil
}

func doors(servers []*Server) (all []string) {
	for _, v := range servers {
		all = append(all, v.Door)
	}
	return all
}

// Servers are all of them, in the order in which they start.
func (s *Stage) Servers() []*Server {
	all := append([]*Server{s.NATS, s.Kafka}, s.Redis...)
	return append(all, s.Sentinels...)
}

// Start starts the servers, makes the topics and starts the services.
func (s *Stage) Start(ctx context.Context) error {
	for _, v := range s.Servers() {
		if err := v.Start(ctx); err != nil {
			return err
		}
	}
	if err := s.join(ctx); err != nil {
		return err
	}
	kafka := eventlog.Config{Brokers: []string{s.Kafka.Door}, ClientID: Harness}
	if err := plan.Apply(ctx, io.Discard, kafka, topics.Plan(), 1); err != nil {
		return err
	}
	return s.Fleet.Start(ctx)
}

// Close ends everything at once, the services first.
func (s *Stage) Close() error {
	if s.Fleet != nil {
		s.Fleet.Kill()
	}
	var failed []error
	for _, v := range append([]*Server{s.NATS, s.Kafka}, append(s.Redis, s.Sentinels...)...) {
		if v != nil {
			failed = append(failed, v.Kill())
		}
	}
	for _, c := range s.clients {
		_ = c.Close()
	}
	s.Net.Close()
	return errors.Join(failed...)
}

// Skewed is the build of a service whose clock can be set.
func (s *Stage) Skewed(p *fleet.Process) (string, bool) {
	return filepath.Join(s.cfg.Skewed, p.Service), s.cfg.Skewed != ""
}

// Pods are the names of the services' processes.
func (s *Stage) Pods() (names []string) {
	for _, p := range s.Fleet.All() {
		names = append(names, p.Name)
	}
	return names
}

// Named finds a process by its name.
func (s *Stage) Named(name string) (*fleet.Process, error) {
	for _, p := range s.Fleet.All() {
		if p.Name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("no process %s; there are %s", name, strings.Join(s.Pods(), ", "))
}
