package connector

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// abilityFor is how long we go by what a server has said it can do.
const abilityFor = time.Hour

// abilities of SCIM servers by their address, for each tenant may have one of its own.
type abilities struct {
	asking singleflight.Group
	mu     sync.Mutex
	of     map[string]ability
}

// ability is what a server says that it can do.
type ability struct {
	patch bool
	// bulk is how many writes it takes in one request, of payload bytes at most; 0: none, and 0 bytes: any number.
	bulk, payload int
	// search: it finds by filter, and may find several at once.
	search bool
	until  time.Time
}

func (a *abilities) known(server string) (can ability, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	can = a.of[server]
	return can, time.Now().Before(can.until)
}

func (a *abilities) learn(server string, can ability) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil {
		a.of = map[string]ability{}
	}
	can.until = time.Now().Add(abilityFor)
	a.of[server] = can
}

// change what is known, by what the server has shown since.
func (a *abilities) change(server string, by func(*ability)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if can, ok := a.of[server]; ok {
		by(&can)
		a.of[server] = can
	}
}

func (a *abilities) forget(server string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.of, server)
}

// can says what the tenant's server can do. What it does not say, it cannot. Only when it asks for patience, or a pause has
// begun, is the attempt over.
func (s *scim) can(ctx context.Context, tenant string) (ability, said) {
	server := s.base(tenant)
	if can, ok := s.abilities.known(server); ok {
		return can, said{}
	}
	answer, _, _ := s.abilities.asking.Do(server, func() (any, error) {
		return s.wire.send(ctx, request{method: http.MethodGet, address: server + "/ServiceProviderConfig", header: accept()}), nil
	})
	a := answer.(reply)
	switch a.kind {
	case notNow, putOff:
		return ability{}, a.said
	case refused: // it will say so again
		s.abilities.learn(server, ability{})
	case taken:
		var says serviceProviderConfig
		if decode(a.body, &says) == nil {
			s.abilities.learn(server, says.ability())
			return says.ability(), said{}
		}
	}
	return ability{}, said{}
}

// serviceProviderConfig is RFC 7643's, 5, as far as it concerns us.
type serviceProviderConfig struct {
	Patch struct {
		Supported bool `json:"supported"`
	} `json:"patch"`
	Bulk struct {
		Supported      bool `json:"supported"`
		MaxOperations  int  `json:"maxOperations"`
		MaxPayloadSize int  `json:"maxPayloadSize"`
	} `json:"bulk"`
	Filter struct {
		Supported bool `json:"supported"`
	} `json:"filter"`
}

func (c serviceProviderConfig) ability() ability {
	can := ability{patch: c.Patch.Supported, search: c.Filter.Supported}
	if c.Bulk.Supported {
		can.bulk, can.payload = c.Bulk.MaxOperations, c.Bulk.MaxPayloadSize
	}
	return can
}
