package boot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// discovery is who else knows which Redis is the primary: the Sentinels, or the Cluster. Nil for a single server.
func discovery(o *redis.UniversalOptions, rdb redis.UniversalClient) func(ctx context.Context, tenant string) error {
	if cluster, ok := rdb.(*redis.ClusterClient); ok {
		return func(ctx context.Context, tenant string) error { return inOffice(ctx, cluster, tenant) }
	}
	if o.MasterName == "" {
		return nil
	}
	return func(ctx context.Context, _ string) error { return elected(ctx, o, rdb) }
}

// inOffice asks the node that serves the tenant whether it sees the majority of the Cluster. One that is cut off finds
// out within cluster-node-timeout.
func inOffice(ctx context.Context, cluster *redis.ClusterClient, tenant string) error {
	node, err := cluster.MasterForKey(ctx, "{"+tenant+"}")
	if err != nil {
		return fmt.Errorf("find the node of tenant %s: %w", tenant, err)
	}
	info, err := node.ClusterInfo(ctx).Result()
	if err != nil {
		return fmt.Errorf("ask the node of tenant %s for the state of the Cluster: %w", tenant, err)
	}
	if state := lineIn(info, "cluster_state:"); state != "ok" {
		return fmt.Errorf("the node of tenant %s says that the Cluster's state is %q", tenant, state)
	}
	return nil
}

// elected asks the Sentinels for the primary, and that server for its run id: it must be the one that commands go to.
func elected(ctx context.Context, o *redis.UniversalOptions, rdb redis.UniversalClient) error {
	address, err := votes(ctx, o)
	if err != nil {
		return err
	}
	direct := redis.NewClient(oneQuestion(o, address))
	defer func() { _ = direct.Close() }()
	theirs, err := runID(ctx, direct)
	if err != nil {
		return fmt.Errorf("ask %s, which the Sentinels name, who it is: %w", address, err)
	}
	ours, err := runID(ctx, rdb)
	if err != nil {
		return err
	}
	if ours != theirs {
		return fmt.Errorf("the Sentinels name %s; commands go to another server", address)
	}
	return nil
}

// votes is the address that more than half of the configured Sentinels name.
func votes(ctx context.Context, all *redis.UniversalOptions) (string, error) {
	named := map[string]int{}
	var problems []error
	for _, address := range all.Addrs {
		o := oneQuestion(all, address)
		o.Username, o.Password, o.DB = all.SentinelUsername, all.SentinelPassword, 0
		sentinel := redis.NewSentinelClient(o)
		host, err := sentinel.GetMasterAddrByName(ctx, all.MasterName).Result()
		_ = sentinel.Close() // it was only asked
		if err != nil || len(host) != 2 {
			problems = append(problems, fmt.Errorf("sentinel %s: %w", address, err))
			continue
		}
		at := net.JoinHostPort(host[0], host[1])
		if named[at]++; 2*named[at] > len(all.Addrs) {
			return at, nil
		}
	}
	return "", fmt.Errorf("fewer than half of the Sentinels agree on the primary of %s: %w", all.MasterName, errors.Join(problems...))
}

// oneQuestion are the options of a client that is closed after one answer.
func oneQuestion(all *redis.UniversalOptions, address string) *redis.Options {
	o := all.Simple()
	o.ClientName = "discovery"
	o.Addr, o.PoolSize, o.MinIdleConns, o.MaxRetries = address, 1, 0, -1
	return o
}

func runID(ctx context.Context, rdb redis.Cmdable) (string, error) {
	info, err := rdb.Info(ctx, "server").Result()
	return lineIn(info, "run_id:"), err
}

// lineIn finds the value behind the prefix in what INFO says, or "".
func lineIn(info, prefix string) string {
	for line := range strings.Lines(info) {
		if value, found := strings.CutPrefix(line, prefix); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
