package reconcile

import (
	"context"
	"errors"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/connector"
	"github.com/busyhour/busyhour/services/provisioning/internal/saga"
)

// chain is several downstreams as one: an agent is there as they should be if they are in each. Those that cannot be read
// are left out; that they cannot be is an error only if it is so of all.
type chain []one

type one struct {
	name string
	Downstream
}

// Of is the downstreams of a chain, to be read.
func Of(downstreams saga.Chain) Downstream {
	var all chain
	for _, d := range downstreams {
		if way, ok := d.Way.(Downstream); ok {
			all = append(all, one{d.Name, way})
		}
	}
	return all
}

func (c chain) Readable() error {
	err := connector.ErrNoDownstream
	for _, d := range c {
		if err = d.Readable(); err == nil {
			return nil
		}
	}
	return err
}

func (c chain) Read(ctx context.Context, tenant string, agent *provisioningv1.Agent) (differences []string, found bool, err error) {
	found = true
	for _, d := range c {
		if d.Readable() != nil {
			continue
		}
		words, there, err := d.Read(ctx, tenant, agent)
		if err != nil {
			return nil, false, err
		}
		found = found && there
		differences = append(differences, c.named(d.name, words)...)
	}
	return differences, found, nil
}

// named says of which downstream the words are, if there are several.
func (c chain) named(name string, words []string) []string {
	if len(c) < 2 {
		return words
	}
	said := make([]string, len(words))
	for i, w := range words {
		said[i] = name + ": " + w
	}
	return said
}

// perDownstream positions are in the list of each; a position in all of them is the number of the downstream and its own.
const perDownstream = 1 << 24

func (c chain) List(ctx context.Context, tenant string, from int) (ids []string, next int, err error) {
	i, at := from/perDownstream, from%perDownstream
	if i >= len(c) {
		return nil, 0, nil
	}
	ids, next, err = c[i].List(ctx, tenant, at)
	switch {
	case err != nil && !errors.Is(err, connector.ErrUnlistable):
		return nil, 0, err
	case err == nil && next > 0:
		return ids, i*perDownstream + next, nil
	case i+1 < len(c):
		return ids, (i+1)*perDownstream + 1, nil
	}
	return ids, 0, err
}
