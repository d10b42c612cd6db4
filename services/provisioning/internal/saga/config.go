package saga

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/services/provisioning/internal/connector"
)

// Config says what the downstreams are, in their order.
type Config struct {
	Downstream  connector.Config `key:"downstream"`
	Downstream2 connector.Config `key:"downstream2"`
	Downstream3 connector.Config `key:"downstream3"`
}

// Validate says what is wrong with them as a chain; each says what is wrong with itself.
func (c *Config) Validate() error {
	var problems []error
	names := map[string]string{}
	last := "" // that is none
	for i, d := range c.all() {
		under := fmt.Sprintf("downstream%d", i+1)
		if i == 0 {
			under = "downstream"
		}
		if d.URL == "" {
			last = under
			continue
		}
		if last != "" {
			problems = append(problems, fmt.Errorf("%s.url: it is empty, and %s.url is not; the downstreams follow one another without a gap", last, under))
		}
		if other, taken := names[d.Name]; taken {
			problems = append(problems, fmt.Errorf("%s.name: %q is the name of %s, too; give each its own", under, d.Name, other))
		}
		names[d.Name] = under
	}
	return errors.Join(problems...)
}

func (c *Config) all() []connector.Config {
	return []connector.Config{c.Downstream, c.Downstream2, c.Downstream3}
}

// New makes the Chain; empty if there is no downstream.
func New(cfg Config, log *zap.Logger, reg prometheus.Registerer) (c Chain) {
	for _, d := range cfg.all() {
		if d.URL != "" {
			c = append(c, Downstream{Name: d.Name, Compensate: d.Compensate, Way: connector.New(d, log, reg)})
		}
	}
	return c
}
