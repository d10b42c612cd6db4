package boot

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/busyhour/busyhour/pkg/tlsfiles"
)

// Peers are our other services, as this process calls them.
type Peers struct{ tls *tlsfiles.Client }

func newPeers(c PeersConfig, reg prometheus.Registerer) (*Peers, error) {
	secure, err := c.TLS.client()
	if err != nil {
		return nil, err
	}
	watchExpiry(reg, "peers", secure.Expiry)
	return &Peers{secure}, nil
}

// Secure has a transport know our services, and show them who we are. A nil Peers leaves it as it is.
func (p *Peers) Secure(t *http.Transport) *http.Transport {
	if p == nil {
		return t
	}
	return p.tls.Secure(t)
}
