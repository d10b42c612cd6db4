package fleet

import (
	"fmt"
	"os"
	"strings"
)

// Servers are the addresses of Kafka, Redis and NATS.
type Servers struct {
	Kafka   []string
	Redis   []string
	RedisDB int
	NATS    string
}

// FromEnvironment reads what scripts/stack has written.
func FromEnvironment() (Servers, error) {
	var missing []string
	get := func(name string) string {
		v := os.Getenv(name)
		if v == "" {
			missing = append(missing, name)
		}
		return v
	}
	s := Servers{
		Kafka: strings.Split(get("BUSYHOUR_KAFKA"), ","),
		Redis: strings.Split(get("BUSYHOUR_REDIS"), ","),
		NATS:  get("BUSYHOUR_NATS"),
	}
	if len(missing) > 0 {
		return s, fmt.Errorf("%s not set: run scripts/stack up, then: eval \"$(scripts/stack env)\"", strings.Join(missing, ", "))
	}
	return s, nil
}
