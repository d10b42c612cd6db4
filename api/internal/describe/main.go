// Command describe makes the AsyncAPI document from the topic plan, the table of events and the descriptors of the protos.
package main

import (
	"bytes"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/busyhour/busyhour/api/events"
	"github.com/busyhour/busyhour/api/topics"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: describe DESCRIPTORS DOCUMENT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "describe:", err)
		os.Exit(1)
	}
}

func run(from, into string) error {
	files, err := read(from)
	if err != nil {
		return err
	}
	d, err := describe(files)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	out.WriteString("# Made by scripts/generate from api/topics, api/events and api/proto.\n")
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(d); err != nil {
		return err
	}
	return os.WriteFile(into, out.Bytes(), 0o644)
}

func read(file string) (*protoregistry.Files, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(data, set); err != nil {
		return nil, err
	}
	return protodesc.NewFiles(set)
}

const description = `What other teams may know of Busyhour: every Kafka topic, and the WebSocket of the agent desktop.
Values are protobuf; the schemas here are its JSON mapping. Ignore fields, enum values and types that you do not know:
within a version they are only added. README.md beside this file's folder says what a reader may count on.`

func describe(files *protoregistry.Files) (*document, error) {
	d := &document{
		AsyncAPI: "3.0.0", DefaultContentType: "application/protobuf",
		Info: info{"Busyhour", "1.0.0", description, map[string]string{"name": "Apache 2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}},
	}
	d.Servers.set("kafka", server{Host: "kafka:9092", Protocol: "kafka", Description: "Your Kafka; the address is an example."})
	d.Servers.set("desktop", server{Host: "localhost:8080", Protocol: "ws", Description: "agent-presence; the address is an example."})
	for _, p := range topics.Plan() {
		d.topic(p)
	}
	s := &schemas{}
	s.all.set("headers", ceHeaders())
	s.all.set("marker", markerSchema())
	for _, e := range events.Table() {
		var m protoreflect.MessageDescriptor
		if e.Message != nil {
			var err error
			if m, err = find(files, e.MessageName()); err != nil {
				return nil, err
			}
		}
		d.event(e, keyOf(e), m, s)
	}
	d.Components.Messages.set("dead-letter", message{
		Name: "dead-letter", Summary: "what could not be read or applied", ContentType: "application/octet-stream",
		Headers: deadHeaders(), Payload: map[string]any{"type": "string", "description": "The value of the original, as it was."},
	})
	client, err := find(files, "busyhour.presence.v1.ClientFrame")
	if err != nil {
		return nil, err
	}
	screen, err := find(files, "busyhour.presence.v1.ServerFrame")
	if err != nil {
		return nil, err
	}
	d.desktop(client, screen, s)
	d.Components.Schemas = s.all
	return d, nil
}

func find(files *protoregistry.Files, name protoreflect.FullName) (protoreflect.MessageDescriptor, error) {
	found, err := files.FindDescriptorByName(name)
	if err != nil {
		return nil, err
	}
	return found.(protoreflect.MessageDescriptor), nil
}
