package main

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// document is what of an AsyncAPI document is promised.
type document struct {
	Channels map[string]struct {
		Address  string         `yaml:"address"`
		Messages map[string]any `yaml:"messages"`
		Key      string         `yaml:"x-key"`
		Bindings struct {
			Kafka struct {
				Topic      string `yaml:"topic"`
				Partitions int    `yaml:"partitions"`
				Config     struct {
					Cleanup   []string `yaml:"cleanup.policy"`
					Retention int64    `yaml:"retention.ms"`
				} `yaml:"topicConfiguration"`
			} `yaml:"kafka"`
		} `yaml:"bindings"`
		Closes []struct {
			Code int  `yaml:"code"`
			Back bool `yaml:"comes-back"`
		} `yaml:"x-close-codes"`
	} `yaml:"channels"`
	Components struct {
		Messages map[string]struct {
			ContentType string `yaml:"contentType"`
			Schema      string `yaml:"x-dataschema"`
			Sunset      string `yaml:"x-sunset"`
		} `yaml:"messages"`
	} `yaml:"components"`
}

func parse(data []byte) (d document, err error) {
	if err := yaml.Unmarshal(data, &d); err != nil {
		return d, fmt.Errorf("AsyncAPI document: %w", err)
	}
	return d, nil
}
