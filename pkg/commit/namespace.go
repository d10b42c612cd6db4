package commit

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

const unlinkSize = 500

// drain publishes all that the outboxes of a closed epoch hold, record by record in order, and returns how many events
// that were. Nothing is removed: the namespace goes as a whole.
func (o *outboxes) drain(ctx context.Context, tenant string, epoch uint32) (int, error) {
	records, err := o.store.redis.ZRange(ctx, Key(tenant, o.store.service, epoch, outbox), 0, -1).Result()
	if err != nil {
		return 0, fmt.Errorf("read the open outboxes of epoch %d: %w", epoch, err)
	}
	drained := 0
	for _, record := range records {
		texts, err := o.store.redis.LRange(ctx, Key(tenant, o.store.service, epoch, outboxOf(record)), 0, -1).Result()
		if err != nil {
			return drained, fmt.Errorf("read the outbox of %s: %w", record, err)
		}
		entries, err := decodeEntries(texts)
		if err != nil {
			return drained, fmt.Errorf("read the outbox of %s: %w", record, err)
		}
		for _, e := range entries {
			if err := o.produce(ctx, e); err != nil {
				return drained, fmt.Errorf("publish %s of %s: %w", e.revision, record, err)
			}
			drained++
		}
	}
	return drained, nil
}

func (o *outboxes) produce(ctx context.Context, e entry) error {
	done := make(chan error, 1)
	o.give(e.message, func(err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// unlinkBelow removes the namespaces of lower epochs, 500 keys at a time, so that a live Redis is not held up.
func (s *Store) unlinkBelow(ctx context.Context, tenant string, epoch uint32) error {
	prefix := "{" + tenant + "}:" + s.service + ":"
	if cluster, ok := s.redis.(*redis.ClusterClient); ok {
		node, err := cluster.MasterForKey(ctx, prefix)
		if err != nil {
			return fmt.Errorf("find the node of %s: %w", prefix, err)
		}
		return unlinkOn(ctx, node, prefix, epoch)
	}
	return unlinkOn(ctx, s.redis, prefix, epoch)
}

func unlinkOn(ctx context.Context, node redis.Cmdable, prefix string, epoch uint32) error {
	pattern := escapeGlob(prefix) + "[0-9]*"
	var cursor uint64
	for {
		keys, next, err := node.Scan(ctx, cursor, pattern, unlinkSize).Result()
		if err != nil {
			return fmt.Errorf("scan %s: %w", pattern, err)
		}
		keys = slices.DeleteFunc(keys, func(key string) bool { return !below(key, prefix, epoch) })
		if len(keys) > 0 {
			if err := node.Unlink(ctx, keys...).Err(); err != nil {
				return fmt.Errorf("unlink %d keys of %s: %w", len(keys), pattern, err)
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// below reports whether a key is in the namespace of a lower epoch. The mark and its like have no number there.
func below(key, prefix string, epoch uint32) bool {
	name, ours := strings.CutPrefix(key, prefix)
	digits, _, ok := strings.Cut(name, ":")
	n, err := strconv.ParseUint(digits, 10, 32)
	return ours && ok && err == nil && uint32(n) < epoch
}

var globs = strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, `\`, `\\`)

func escapeGlob(s string) string { return globs.Replace(s) }
