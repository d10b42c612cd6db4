package commit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// walkSize is how many records a walk reads in one script: few enough not to hold up commits.
const walkSize = 256

// Stored is a record as a walk finds it.
type Stored struct {
	Record
	// Unpublished reports that the log may not have all of its events yet.
	Unpublished bool
	// At is when it was read, by Redis' clock.
	At time.Time
}

// Walk reads every record that Redis holds of a tenant in the present epoch, also those that no index names. Each portion
// is read in one script, so it is of one moment; the whole is not. A record that changes its place in Redis' tables
// meanwhile may come twice. Counters, indexes and outboxes are left out.
//
// Errors: Unavailable while the tenant is closed, or when it closes meanwhile; what each returns.
func (s *Store) Walk(ctx context.Context, tenant string, each func([]Stored) error) error {
	return s.Names(ctx, tenant, func(names []string) error {
		for part := range slices.Chunk(names, walkSize) {
			stored, err := s.Stored(ctx, tenant, part)
			if err != nil {
				return err
			}
			if err := each(stored); err != nil {
				return err
			}
		}
		return nil
	})
}

// Names is Walk without the contents.
func (s *Store) Names(ctx context.Context, tenant string, each func([]string) error) error {
	epoch, node, err := s.nodeOf(ctx, tenant)
	if err != nil {
		return err
	}
	prefix := Key(tenant, s.service, epoch, "")
	for cursor := uint64(0); ; {
		keys, next, err := node.ScanType(ctx, cursor, escapeGlob(prefix)+"*", walkSize, "hash").Result()
		if err != nil {
			return away(fmt.Errorf("walk the records of %s/%s: %w", tenant, s.service, err))
		}
		if err := each(recordsIn(prefix, keys)); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// nodeOf finds the server that holds the tenant: a cluster's SCAN goes to any of its nodes.
func (s *Store) nodeOf(ctx context.Context, tenant string) (uint32, redis.Cmdable, error) {
	g, err := s.gateOf(tenant)
	if err != nil {
		return 0, nil, err
	}
	epoch, open := g.state()
	if !open {
		return 0, nil, s.closed(tenant)
	}
	cluster, ok := s.redis.(*redis.ClusterClient)
	if !ok {
		return epoch, s.redis, nil
	}
	node, err := cluster.MasterForKey(ctx, MarkKey(tenant, s.service))
	if err != nil {
		return 0, nil, away(fmt.Errorf("find the node of tenant %s: %w", tenant, err))
	}
	return epoch, node, nil
}

// recordsIn gives the names of records among keys of a namespace.
func recordsIn(prefix string, keys []string) []string {
	var names []string
	for _, key := range keys {
		if name := strings.TrimPrefix(key, prefix); name != counters {
			names = append(names, name)
		}
	}
	return names
}

// Stored reads records by name, in one script. One that is not there has a zero revision.
func (s *Store) Stored(ctx context.Context, tenant string, names []string) ([]Stored, error) {
	g, err := s.gateOf(tenant)
	if err != nil {
		return nil, err
	}
	epoch, open := g.state()
	if !open {
		return nil, s.closed(tenant)
	}
	tx := newTx(ctx, s, tenant, "", epoch)
	records, outboxes := make([]*Record, len(names)), make([][]entry, len(names))
	for i, name := range names {
		records[i] = tx.Record(name)
		tx.asked = append(tx.asked, readOutbox{&outboxes[i], name})
	}
	if err := tx.Fetch(ctx); err != nil {
		return nil, away(err)
	}
	list := make([]Stored, len(names))
	for i, r := range records {
		list[i] = Stored{Record: *r, Unpublished: len(outboxes[i]) > 0, At: tx.Now()}
	}
	return list, nil
}
