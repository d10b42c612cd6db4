package history

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/proto"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
)

const scanSize = 1000

// Dump reads all that Redis holds of a tenant and a service: its mark, and the records and indexes of the epoch that the
// mark names. It is for the end of a run, when nothing moves.
func Dump(ctx context.Context, client redis.UniversalClient, tenant, service string) ([]Record, error) {
	m, err := client.HMGet(ctx, commit.MarkKey(tenant, service), "epoch", "open").Result()
	if err != nil {
		return nil, fmt.Errorf("dump %s/%s: read the mark: %w", tenant, service, err)
	}
	epoch, _ := strconv.ParseUint(text(m[0]), 10, 32)
	mark := &Mark{Tenant: tenant, Service: service, Epoch: uint32(epoch), Open: text(m[1]) == "1"}
	d := &dump{client: client, mark: mark, prefix: commit.Key(tenant, service, mark.Epoch, ""), all: []Record{{Mark: mark}}}
	if cluster, ok := client.(*redis.ClusterClient); ok {
		err = d.cluster(ctx, cluster)
	} else {
		err = d.node(ctx, client)
	}
	if err != nil {
		return nil, fmt.Errorf("dump %s/%s: %w", tenant, service, err)
	}
	return d.all, nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

type dump struct {
	client redis.UniversalClient
	mark   *Mark
	prefix string
	all    []Record
}

// cluster reads the node that holds the tenant; all keys of a tenant share a slot.
func (d *dump) cluster(ctx context.Context, c *redis.ClusterClient) error {
	node, err := c.MasterForKey(ctx, d.prefix)
	if err != nil {
		return err
	}
	return d.node(ctx, node)
}

func (d *dump) node(ctx context.Context, node redis.Cmdable) error {
	seen := map[string]bool{} // a scan may tell a key twice
	for _, kind := range []string{"hash", "zset"} {
		var cursor uint64
		for {
			keys, next, err := node.ScanType(ctx, cursor, escape.Replace(d.prefix)+"*", scanSize, kind).Result()
			if err != nil {
				return fmt.Errorf("scan %s*: %w", d.prefix, err)
			}
			for _, key := range keys {
				if seen[key] {
					continue
				}
				seen[key] = true
				if err := d.key(ctx, key, kind); err != nil {
					return fmt.Errorf("read %s: %w", key, err)
				}
			}
			if cursor = next; cursor == 0 {
				break
			}
		}
	}
	return nil
}

var escape = strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, `\`, `\\`)

func (d *dump) key(ctx context.Context, key, kind string) error {
	name := strings.TrimPrefix(key, d.prefix)
	if kind == "zset" {
		members, err := d.client.ZRange(ctx, key, 0, -1).Result()
		d.all = append(d.all, Record{Index: &Index{d.mark.Tenant, d.mark.Service, d.mark.Epoch, name, members}})
		return err
	}
	v, err := d.client.HMGet(ctx, key, "r", "o", "v").Result()
	if err != nil || v[0] == nil { // counters have no revision
		return err
	}
	open, err := d.client.LLen(ctx, d.prefix+"outbox:"+name).Result()
	if err != nil {
		return err
	}
	number, err := strconv.ParseUint(text(v[0]), 10, 64)
	s := &Stored{
		Tenant: d.mark.Tenant, Service: d.mark.Service, Epoch: d.mark.Epoch, Name: name, Revision: Numbered(number), Op: text(v[1]),
		Open: int(open), Unreadable: words(err),
	}
	s.decode([]byte(text(v[2])))
	d.all = append(d.all, Record{Stored: s})
	return nil
}

// decode reads the value of a record by its name.
func (s *Stored) decode(value []byte) {
	kind, _, _ := strings.Cut(s.Name, ":")
	var err error
	switch s.Service + "/" + kind {
	case "call-routing/contact":
		c := &routingv1.Contact{}
		err = proto.Unmarshal(value, c)
		s.Contact, s.Value = contactOf(c), valueOf(c)
	case "call-routing/workload":
		w := &routingv1.Workload{}
		err = proto.Unmarshal(value, w)
		for _, c := range w.Cards {
			s.Cards = append(s.Cards, CardOf(c))
		}
		s.Value = hash(value)
	case "agent-presence/presence":
		p := &presencev1.Presence{}
		err = proto.Unmarshal(value, p)
		s.Presence, s.Value = presenceOf(p), presenceValue(p)
	default:
		s.Value = hash(value)
	}
	if err != nil {
		s.Unreadable = err.Error()
	}
}
