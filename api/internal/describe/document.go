package main

// document is an AsyncAPI 3 document, as far as this one needs it. Its fields are in the order in which people read it.
type document struct {
	AsyncAPI           string             `yaml:"asyncapi"`
	Info               info               `yaml:"info"`
	DefaultContentType string             `yaml:"defaultContentType"`
	Servers            ordered[server]    `yaml:"servers"`
	Channels           ordered[channel]   `yaml:"channels"`
	Operations         ordered[operation] `yaml:"operations"`
	Components         components         `yaml:"components"`
}

type info struct {
	Title       string            `yaml:"title"`
	Version     string            `yaml:"version"`
	Description string            `yaml:"description"`
	License     map[string]string `yaml:"license"`
}

type server struct {
	Host        string `yaml:"host"`
	Pathname    string `yaml:"pathname,omitempty"`
	Protocol    string `yaml:"protocol"`
	Description string `yaml:"description"`
}

type channel struct {
	Address     string         `yaml:"address"`
	Title       string         `yaml:"title,omitempty"`
	Description string         `yaml:"description"`
	Servers     []ref          `yaml:"servers"`
	Messages    ordered[ref]   `yaml:"messages,omitempty"`
	Bindings    map[string]any `yaml:"bindings"`
	Key         string         `yaml:"x-key,omitempty"`
	Partitioner string         `yaml:"x-partitioner,omitempty"`
	Growth      string         `yaml:"x-growth,omitempty"`
	StateOf     string         `yaml:"x-state-of,omitempty"`
	Closes      []closing      `yaml:"x-close-codes,omitempty"`
}

type closing struct {
	Code    uint16 `yaml:"code"`
	Back    bool   `yaml:"comes-back"`
	Meaning string `yaml:"meaning"`
}

type operation struct {
	Action   string         `yaml:"action"`
	Summary  string         `yaml:"summary"`
	Channel  ref            `yaml:"channel"`
	Messages []ref          `yaml:"messages,omitempty"`
	Bindings map[string]any `yaml:"bindings,omitempty"`
	By       []string       `yaml:"x-by,omitempty"`
}

type ref struct {
	Ref string `yaml:"$ref"`
}

type components struct {
	Messages ordered[message]        `yaml:"messages"`
	Schemas  ordered[map[string]any] `yaml:"schemas"`
}

type message struct {
	Name        string         `yaml:"name"`
	Title       string         `yaml:"title,omitempty"`
	Summary     string         `yaml:"summary"`
	ContentType string         `yaml:"contentType"`
	Headers     map[string]any `yaml:"headers,omitempty"`
	Payload     any            `yaml:"payload"`
	Bindings    map[string]any `yaml:"bindings,omitempty"`
	Protobuf    string         `yaml:"x-protobuf-message,omitempty"`
	Schema      string         `yaml:"x-dataschema,omitempty"`
	Since       string         `yaml:"x-since,omitempty"`
	Sunset      string         `yaml:"x-sunset,omitempty"`
	Successor   string         `yaml:"x-successor,omitempty"`
}
