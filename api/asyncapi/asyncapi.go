// Package asyncapi holds the contracts in the form that machines read: the AsyncAPI document of every topic and of the
// desktop's WebSocket, and the protobuf descriptors with their comments. Both are made by scripts/generate.
package asyncapi

import _ "embed"

// Document is busyhour.yaml.
//
//go:embed busyhour.yaml
var Document []byte

// Descriptors is a google.protobuf.FileDescriptorSet of all messages and services.
//
//go:embed descriptors.binpb
var Descriptors []byte
