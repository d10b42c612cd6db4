package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// master is the name that the Sentinels know the primary by.
const master = "busyhour"

const sentinels = 3

// configured writes a configuration file, which Redis and Sentinel write on when roles change.
func (s *Stage) configured(v *Server, lines ...string) error {
	head := []string{"bind 127.0.0.1", "port " + port(v.Real), "dir " + v.Dir, "daemonize no", `save ""`}
	file := filepath.Join(v.Dir, "redis.conf")
	v.argv = []string{"redis-server", file}
	v.answers = func(ctx context.Context, address string) error { return asked(ctx, address, "PING\r\n", "+PONG") }
	return os.WriteFile(file, []byte(strings.Join(append(head, lines...), "\n")+"\n"), 0o600)
}

func kept(v *Server) []string {
	return []string{
		"appendonly yes", "appendfsync everysec", "aof-load-truncated yes", "maxmemory-policy noeviction",
		"repl-diskless-sync-delay 0", "repl-timeout 6", "repl-ping-replica-period 1",
		"replica-announce-ip 127.0.0.1", "replica-announce-port " + port(v.Door),
	}
}

// newSentinelGroup is a primary, a replica of it, and three Sentinels. All of them know each other by their doors.
func (s *Stage) newSentinelGroup(context.Context) error {
	for n := range 2 {
		v, err := s.server(fmt.Sprintf("redis-%d", n+1))
		if err != nil {
			return err
		}
		lines := kept(v)
		if n > 0 {
			lines = append(lines, "replicaof 127.0.0.1 "+port(s.Redis[0].Door))
		}
		if err := s.configured(v, lines...); err != nil {
			return err
		}
		s.Redis = append(s.Redis, v)
	}
	for n := range sentinels {
		v, err := s.server(fmt.Sprintf("sentinel-%d", n+1))
		if err != nil {
			return err
		}
		err = s.configured(v,
			"sentinel monitor "+master+" 127.0.0.1 "+port(s.Redis[0].Door)+" 2",
			"sentinel down-after-milliseconds "+master+" 1500", "sentinel failover-timeout "+master+" 6000",
			"sentinel announce-ip 127.0.0.1", "sentinel announce-port "+port(v.Door))
		if err != nil {
			return err
		}
		v.argv = append(v.argv, "--sentinel")
		s.Sentinels = append(s.Sentinels, v)
	}
	return nil
}

// newCluster is three primaries and three replicas.
func (s *Stage) newCluster(context.Context) error {
	for n := range 6 {
		v, err := s.server(fmt.Sprintf("redis-%d", n+1))
		if err != nil {
			return err
		}
		bus := nextTo(v.Real)
		door, err := s.door(v.Name, bus)
		if err != nil {
			return err
		}
		lines := append(kept(v), "cluster-enabled yes", "cluster-node-timeout 2000", "cluster-replica-validity-factor 0",
			"cluster-port "+port(bus), "cluster-announce-ip 127.0.0.1", "cluster-announce-port "+port(v.Door), "cluster-announce-bus-port "+port(door))
		if err := s.configured(v, lines...); err != nil {
			return err
		}
		s.Redis = append(s.Redis, v)
	}
	return nil
}

// nextTo is a port for the cluster's bus, out of the range that free addresses are taken from.
func nextTo(address string) string {
	p, _ := strconv.Atoi(port(address))
	return fmt.Sprintf("127.0.0.1:%d", p-12_000)
}

// join waits until the Redis servers are the group that they should be.
func (s *Stage) join(ctx context.Context) error {
	if s.cfg.Redis == Cluster {
		if err := s.meet(ctx); err != nil {
			return err
		}
	}
	return s.AwaitRedis(ctx)
}

// meet makes a cluster of the nodes: a third of the slots each, then a replica each.
func (s *Stage) meet(ctx context.Context) error {
	for n, v := range s.Redis {
		c := s.Client(v)
		if n < 3 {
			if err := c.Do(ctx, "cluster", "addslotsrange", 16384*n/3, 16384*(n+1)/3-1).Err(); err != nil {
				return err
			}
			if err := c.Do(ctx, "cluster", "set-config-epoch", n+1).Err(); err != nil {
				return err
			}
		}
		first := s.Redis[0]
		if n > 0 {
			nodes, err := s.Client(first).Do(ctx, "cluster", "nodes").Text()
			if err != nil {
				return err
			}
			if err := c.Do(ctx, "cluster", "meet", "127.0.0.1", port(first.Door), busOf(nodes)).Err(); err != nil {
				return err
			}
		}
	}
	for n := range 3 {
		id, err := s.Client(s.Redis[n]).Do(ctx, "cluster", "myid").Text()
		if err != nil {
			return err
		}
		if err := until(ctx, func() error { return s.Client(s.Redis[n+3]).Do(ctx, "cluster", "replicate", id).Err() }); err != nil {
			return fmt.Errorf("%s becomes a replica: %w", s.Redis[n+3].Name, err)
		}
	}
	return nil
}

// busOf reads the announced bus port of the node itself: "id ip:port@bus flags…".
func busOf(nodes string) string {
	for line := range strings.Lines(nodes) {
		if strings.Contains(line, "myself") {
			_, rest, _ := strings.Cut(line, "@")
			return strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == ',' })[0]
		}
	}
	return ""
}

// Client of one Redis server or Sentinel, past its door.
func (s *Stage) Client(v *Server) *redis.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients[v] == nil {
		s.clients[v] = redis.NewClient(&redis.Options{Addr: v.Real, MaxRetries: -1, DialTimeout: time.Second, ReadTimeout: 3 * time.Second, PoolSize: 2, ContextTimeoutEnabled: true})
	}
	return s.clients[v]
}

// Primaries are the Redis servers that take themselves for one, now.
func (s *Stage) Primaries(ctx context.Context) (all []*Server) {
	for _, v := range s.Redis {
		if role, _, err := s.role(ctx, v); err == nil && role == "master" {
			all = append(all, v)
		}
	}
	return all
}

// role of a server, and for a replica whether it has its primary's data.
func (s *Stage) role(ctx context.Context, v *Server) (role string, synced bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if v.PID() == 0 {
		return "", false, errors.New(v.Name + " does not run")
	}
	answer, err := s.Client(v).Do(ctx, "role").Slice()
	if err != nil || len(answer) == 0 {
		return "", false, err
	}
	role, _ = answer[0].(string)
	if role == "slave" && len(answer) > 3 {
		synced = answer[3] == "connected"
	}
	return role, synced, nil
}

// Primary is the server that clients are sent to: by the Sentinels, or the owner of the slot of the tenant.
func (s *Stage) Primary(ctx context.Context, tenant string) (*Server, error) {
	if s.cfg.Redis == Cluster {
		return s.owner(ctx, tenant)
	}
	for _, sentinel := range s.Sentinels {
		address, err := s.Client(sentinel).Do(ctx, "sentinel", "get-master-addr-by-name", master).StringSlice()
		if err != nil {
			continue
		}
		return s.at("127.0.0.1:" + address[1])
	}
	return nil, errors.New("no Sentinel names a primary")
}

func (s *Stage) at(door string) (*Server, error) {
	for _, v := range s.Redis {
		if v.Door == door {
			return v, nil
		}
	}
	return nil, fmt.Errorf("no server has the door %s", door)
}

// owner is the primary of the tenant's slot, as most of the cluster says.
func (s *Stage) owner(ctx context.Context, tenant string) (*Server, error) {
	votes, best := map[string]int{}, ""
	for _, v := range s.Redis {
		if v.PID() == 0 {
			continue
		}
		c := s.Client(v)
		slot, err := c.ClusterKeySlot(ctx, "{"+tenant+"}").Result()
		if err != nil {
			continue
		}
		shards, err := c.ClusterShards(ctx).Result()
		if err != nil {
			continue
		}
		if door := primaryOf(shards, slot); door != "" {
			votes[door]++
			if best == "" || votes[door] > votes[best] {
				best = door
			}
		}
	}
	return s.at(best)
}

// primaryOf finds the primary of a slot.
func primaryOf(shards []redis.ClusterShard, slot int64) string {
	for _, shard := range shards {
		if !slices.ContainsFunc(shard.Slots, func(r redis.SlotRange) bool { return slot >= r.Start && slot <= r.End }) {
			continue
		}
		for _, n := range shard.Nodes {
			if n.Role == "master" && n.Health == "online" {
				return fmt.Sprintf("127.0.0.1:%d", n.Port)
			}
		}
	}
	return ""
}

// ReplicaOf finds a server that replicates a primary.
func (s *Stage) ReplicaOf(ctx context.Context, primary *Server) (*Server, error) {
	for _, v := range s.Redis {
		if v == primary || v.PID() == 0 {
			continue
		}
		answer, err := s.Client(v).Do(ctx, "role").Slice()
		if err == nil && len(answer) > 3 && answer[0] == "slave" && fmt.Sprint(answer[2]) == port(primary.Door) {
			return v, nil
		}
	}
	return nil, fmt.Errorf("%s has no replica now", primary.Name)
}

// AwaitRedis waits until every server runs in its role: as many primaries as there should be, the rest replicas that
// have caught up.
func (s *Stage) AwaitRedis(ctx context.Context) error {
	want := 1
	if s.cfg.Redis == Cluster {
		want = 3
	}
	return until(ctx, func() error {
		primaries := 0
		for _, v := range s.Redis {
			role, synced, err := s.role(ctx, v)
			if err != nil {
				return err
			}
			if role == "master" {
				primaries++
			} else if !synced {
				return fmt.Errorf("%s has not caught up with its primary", v.Name)
			}
		}
		if primaries != want {
			return fmt.Errorf("%d Redis servers take themselves for the primary, want %d", primaries, want)
		}
		return s.settled(ctx)
	})
}

// settled asks the Sentinels, or the nodes, whether they agree.
func (s *Stage) settled(ctx context.Context) error {
	named := ""
	for _, v := range s.Sentinels {
		address, err := s.Client(v).Do(ctx, "sentinel", "get-master-addr-by-name", master).StringSlice()
		if err != nil {
			return err
		}
		if named != "" && named != address[1] {
			return errors.New("the Sentinels name two primaries")
		}
		named = address[1]
	}
	if s.cfg.Redis != Cluster {
		return nil
	}
	for _, v := range s.Redis {
		info, err := s.Client(v).ClusterInfo(ctx).Result()
		if err != nil {
			return err
		}
		if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:6") || !strings.Contains(info, "cluster_slots_ok:16384") {
			return fmt.Errorf("%s says that the cluster is not whole", v.Name)
		}
	}
	return nil
}

// until tries again for a minute.
func until(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// FailOver lets a replica take over from a primary that lives.
func (s *Stage) FailOver(ctx context.Context, primary *Server) error {
	if s.cfg.Redis == Sentinel {
		return s.Client(s.Sentinels[0]).Do(ctx, "sentinel", "failover", master).Err()
	}
	replica, err := s.ReplicaOf(ctx, primary)
	if err != nil {
		return err
	}
	return s.Client(replica).ClusterFailover(ctx).Err()
}
