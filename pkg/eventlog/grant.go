package eventlog

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"
)

// ResourceKind is what a right is about.
type ResourceKind int

const (
	Topic ResourceKind = iota
	ConsumerGroup
	Transaction
)

var resources = map[ResourceKind]sarama.AclResourceType{
	Topic: sarama.AclResourceTopic, ConsumerGroup: sarama.AclResourceGroup, Transaction: sarama.AclResourceTransactionalID,
}

// Grant is the right of a user to do something to a resource, from whatever host.
type Grant struct {
	User string
	Kind ResourceKind
	// Name of the resource, or with Prefix what its name begins with.
	Name   string
	Prefix bool
	// Operations as Kafka's tools name them: Read, Write, Describe …
	Operations []string
}

// Allow gives rights. What was given before stays.
func Allow(ctx context.Context, cfg Config, grants []Grant) error {
	conf, err := cfg.client()
	if err != nil {
		return fmt.Errorf("give rights: %w", err)
	}
	conf.Metadata.Full = true // else sarama does not find the controller
	admin, err := sarama.NewClusterAdmin(cfg.Brokers, conf)
	if err != nil {
		return fmt.Errorf("give rights: connect to %v: %w", cfg.Brokers, err)
	}
	defer admin.Close()
	var all []*sarama.ResourceAcls
	for _, g := range grants {
		one, err := g.acls()
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := admin.CreateACLs(all); err != nil {
		return fmt.Errorf("give rights: %w", err)
	}
	return nil
}

func (g Grant) acls() (*sarama.ResourceAcls, error) {
	pattern := sarama.AclPatternLiteral
	if g.Prefix {
		pattern = sarama.AclPatternPrefixed
	}
	r := &sarama.ResourceAcls{Resource: sarama.Resource{ResourceType: resources[g.Kind], ResourceName: g.Name, ResourcePatternType: pattern}}
	for _, name := range g.Operations {
		var operation sarama.AclOperation
		if err := operation.UnmarshalText([]byte(name)); err != nil {
			return nil, fmt.Errorf("operation %s of %s: %w", name, g.User, err)
		}
		r.Acls = append(r.Acls, &sarama.Acl{Principal: "User:" + g.User, Host: "*", Operation: operation, PermissionType: sarama.AclPermissionAllow})
	}
	return r, nil
}
