package boot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/busyhour/busyhour/pkg/tlsfiles"
)

// RedisConfig says where the state is: one server, a Sentinel group (master) or a Cluster (several addresses, or
// cluster).
type RedisConfig struct {
	Addresses        []string `key:"addresses" default:"127.0.0.1:6379" doc:"One server; or the Sentinels if redis.master is set; or several nodes of a Cluster."`
	Master           string   `key:"master" doc:"Name of the master that the Sentinels watch; empty: no Sentinels."`
	Cluster          bool     `key:"cluster" default:"false" doc:"The one address is a Cluster's."`
	Username         string   `key:"username" doc:"ACL user."`
	Password         string   `key:"password" doc:"Its password." secret:"true"`
	SentinelUsername string   `key:"sentinel.username" doc:"ACL user of the Sentinels."`
	SentinelPassword string   `key:"sentinel.password" doc:"Password of the Sentinels." secret:"true"`
	DB               int      `key:"db" default:"0" doc:"Database; a Cluster has only 0."`

	TLS ClientTLS `key:"tls"` // of the Sentinels, too
}

// Validate says everything that is wrong, at once.
func (c *RedisConfig) Validate() error {
	var problems []error
	if len(c.Addresses) == 0 {
		problems = append(problems, errors.New("redis.addresses: name at least one"))
	}
	if c.Master != "" && c.Cluster {
		problems = append(problems, errors.New("redis.master and redis.cluster: Sentinel or Cluster, not both"))
	}
	if c.DB != 0 && (c.Cluster || c.Master == "" && len(c.Addresses) > 1) {
		problems = append(problems, fmt.Errorf("redis.db: a Cluster has no database %d", c.DB))
	}
	if c.Username != "" && c.Password == "" {
		problems = append(problems, errors.New("redis.password: it is empty, and redis.username is set; set both, or only the password"))
	}
	if c.SentinelUsername != "" && c.SentinelPassword == "" {
		problems = append(problems, errors.New("redis.sentinel.password: it is empty, and redis.sentinel.username is set; set both, or only the password"))
	}
	return errors.Join(problems...)
}

func (c *RedisConfig) warnings() []string {
	if c.TLS.Enabled || c.Password == "" && c.SentinelPassword == "" {
		return nil
	}
	return []string{"a password for Redis without redis.tls.enabled: whoever is on the way can read it"}
}

// redisOptions are for answers within milliseconds. The client's own defaults retry a timed-out script three times,
// each running on the server, and let a command outlive its context. secure is nil for connections in the clear.
func redisOptions(c RedisConfig, secure *tlsfiles.Client, name string) *redis.UniversalOptions {
	o := &redis.UniversalOptions{
		Addrs:            c.Addresses,
		MasterName:       c.Master,
		IsClusterMode:    c.Cluster,
		ClientName:       name,
		Username:         c.Username,
		Password:         c.Password,
		SentinelUsername: c.SentinelUsername,
		SentinelPassword: c.SentinelPassword,
		DB:               c.DB,

		ContextTimeoutEnabled: true,
		MaxRetries:            1,
		DialTimeout:           500 * time.Millisecond,
		DialerRetries:         2,
		ReadTimeout:           500 * time.Millisecond,
		WriteTimeout:          500 * time.Millisecond,
		PoolTimeout:           250 * time.Millisecond,
		PoolSize:              160, // the workers of call-routing, and room for recovery, relay and sweeps beside them
		MinIdleConns:          4,

		DisableIdentity: true, // Redis 7.0 does not know the command, so no user can be given the right to it
		// Only Redis Enterprise sends them, and asking costs a round trip per connection.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if secure != nil { // by a dialer of our own, for the library would stay with the first certificate it is given
		o.Dialer = secure.DialContext
	}
	return o
}

var errForgets = errors.New("redis would forget calls when it is full")

// checkPolicy refuses a Redis that may evict: it would forget calls without a word. A server that does not tell its
// policy (miniredis, or INFO forbidden) passes.
func checkPolicy(ctx context.Context, rdb redis.UniversalClient) error {
	if cluster, ok := rdb.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return checkNode(ctx, node) })
	}
	return checkNode(ctx, rdb)
}

func checkNode(ctx context.Context, node redis.Cmdable) error {
	info, err := node.Info(ctx, "memory").Result()
	if _, no := errors.AsType[redis.Error](err); no {
		return nil
	}
	if err != nil {
		return err
	}
	if policy := policyIn(info); policy != "" && policy != "noeviction" {
		return fmt.Errorf("%w: maxmemory-policy is %s, set it to noeviction", errForgets, policy)
	}
	return nil
}

// policyIn finds the policy in what INFO memory says, or "".
func policyIn(info string) string { return lineIn(info, "maxmemory_policy:") }
