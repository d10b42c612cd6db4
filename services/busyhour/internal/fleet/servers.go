package fleet

import (
	"errors"
	"fmt"

	"github.com/busyhour/busyhour/pkg/config"
)

// Servers are the addresses of Kafka, Redis and NATS. scripts/stack writes them into the environment that it prints.
type Servers struct {
	Kafka   []string `key:"kafka" doc:"Brokers, host:port."`
	Redis   []string `key:"redis" doc:"One server, host:port."`
	RedisDB int      `key:"redis-db" default:"0" doc:"Its database."`
	NATS    string   `key:"nats" doc:"URL of a server."`
}

// Validate says everything that is missing.
func (s *Servers) Validate() error {
	var missing []error
	for name, given := range map[string]bool{"BUSYHOUR_KAFKA": len(s.Kafka) > 0, "BUSYHOUR_REDIS": len(s.Redis) > 0, "BUSYHOUR_NATS": s.NATS != ""} {
		if !given {
			missing = append(missing, fmt.Errorf("%s is not set", name))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w\nrun scripts/stack up, then: eval \"$(scripts/stack env)\"", errors.Join(missing...))
	}
	return nil
}

// FromEnvironment reads what scripts/stack has written.
func FromEnvironment() (s Servers, err error) {
	err = config.Load("servers", &s, nil)
	return s, err
}
