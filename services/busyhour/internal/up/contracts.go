package up

import (
	"fmt"

	"github.com/busyhour/busyhour/api/contracts"
	"github.com/busyhour/busyhour/pkg/edge"
)

// mountContracts adds the page that says what other teams may know of us.
func mountContracts(e *edge.Server) error {
	page, err := contracts.Handler()
	if err != nil {
		return fmt.Errorf("the page of contracts: %w", err)
	}
	for _, route := range []string{"/contracts", "/contracts/"} {
		e.Allow(nil, edge.Rule{Route: route, Roles: []string{edge.Anyone}})
	}
	e.Handle("/contracts", page)
	e.Handle("/contracts/", page)
	return nil
}
