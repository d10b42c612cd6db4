package main

import "go.yaml.in/yaml/v3"

// ordered is a mapping that keeps its order in YAML.
type ordered[T any] struct {
	keys   []string
	values map[string]T
}

func (o *ordered[T]) set(key string, value T) {
	if o.values == nil {
		o.values = map[string]T{}
	}
	if _, ok := o.values[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.values[key] = value
}

// IsZero leaves an empty one out.
func (o ordered[T]) IsZero() bool { return len(o.keys) == 0 }

// MarshalYAML writes the keys as they came.
func (o ordered[T]) MarshalYAML() (any, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range o.keys {
		value := &yaml.Node{}
		if err := value.Encode(o.values[key]); err != nil {
			return nil, err
		}
		node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
	}
	return node, nil
}
