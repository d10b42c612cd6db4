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
	patch  map[string]ability
}

type ability struct {
	has   bool
	until time.Time
}

func (a *abilities) known(server string) (has, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	patch := a.patch[server]
	return patch.has, time.Now().Before(patch.until)
}

func (a *abilities) learn(server string, has bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.patch == nil {
		a.patch = map[string]ability{}
	}
	a.patch[server] = ability{has, time.Now().Add(abilityFor)}
}

func (a *abilities) forget(server string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.patch, server)
}

// patches says whether the tenant's server takes PATCH. If it does not say so, it does not. Only when it asks for
// patience, or a pause has begun, is the attempt over.
func (s *scim) patches(ctx context.Context, tenant string) (bool, said) {
	server := s.base(tenant)
	if has, ok := s.abilities.known(server); ok {
		return has, said{}
	}
	answer, _, _ := s.abilities.asking.Do(server, func() (any, error) {
		return s.wire.send(ctx, request{method: http.MethodGet, address: server + "/ServiceProviderConfig", header: accept()}), nil
	})
	a := answer.(reply)
	switch a.kind {
	case notNow, putOff:
		return false, a.said
	case refused: // it will say so again
		s.abilities.learn(server, false)
	case taken:
		var can struct {
			Patch struct {
				Supported bool `json:"supported"`
			} `json:"patch"`
		}
		if decode(a.body, &can) == nil {
			s.abilities.learn(server, can.Patch.Supported)
			return can.Patch.Supported, said{}
		}
	}
	return false, said{}
}
