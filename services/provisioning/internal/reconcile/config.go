package reconcile

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Config of the reconciler.
type Config struct {
	Enabled bool          `key:"enabled" default:"true" doc:"Whether the downstream is compared with the directory, and repaired, by itself; by command it is in any case."`
	Every   time.Duration `key:"every" default:"6h" doc:"Pause between two rounds through the agents of a tenant."`
	Rate    float64       `key:"rate" default:"5" doc:"Agents that are looked at per second, of one tenant."`
}

// Validate says everything that is wrong, at once.
func (c *Config) Validate() error {
	var problems []error
	if c.Every <= 0 {
		problems = append(problems, fmt.Errorf("reconcile.every: %s is no pause; to have no rounds set reconcile.enabled: false", c.Every))
	}
	if !(c.Rate > 0) || math.IsInf(c.Rate, 0) {
		problems = append(problems, fmt.Errorf("reconcile.rate: %v is no number of agents per second; to have no rounds set reconcile.enabled: false", c.Rate))
	}
	return errors.Join(problems...)
}
