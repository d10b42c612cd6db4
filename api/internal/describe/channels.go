package main

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/busyhour/busyhour/api/asyncapi"
	"github.com/busyhour/busyhour/api/events"
	"github.com/busyhour/busyhour/api/topics"
)

const binding = "0.5.0"

// topic adds a channel with its messages and operations.
func (d *document) topic(p topics.Topic) {
	c := channel{
		Address: p.Name, Title: p.Purpose, Description: about(p), Servers: []ref{{"#/servers/kafka"}},
		Bindings: map[string]any{"kafka": kafka(p)}, Key: p.Key, Growth: p.Growth, StateOf: stateOf(p.Name),
		Partitioner: "murmur2: Java's default; librdkafka: partitioner=murmur2_random",
	}
	for _, e := range events.In(p.Name) {
		c.Messages.set(e.Type, ref{"#/components/messages/" + e.Type})
	}
	if isDead(p.Name) {
		c.Messages.set("dead-letter", ref{"#/components/messages/dead-letter"})
	}
	d.Channels.set(p.Name, c)
	d.operate(p)
}

func isDead(topic string) bool { return strings.Contains(topic, ".dead-letter.") }

func about(p topics.Topic) string {
	switch {
	case p.Name == topics.QueueStats:
		return "Reserved: nothing is written to it yet."
	case isDead(p.Name):
		return "Key, value and headers of the original, and headers that say why and where it stood."
	case p.Cleanup == topics.Compact && stateOf(p.Name) != "":
		return "The latest event of each record, in order and without what is void. Read it with read_committed; pass over markers."
	}
	return strings.ToUpper(p.Purpose[:1]) + p.Purpose[1:] + "."
}

// stateOf is the events topic that a compacted topic is made of.
func stateOf(topic string) string {
	for _, e := range events.Table() {
		if e.Type != events.Epoch && len(e.Topics) > 1 && e.Topics[1] == topic {
			return e.Topics[0]
		}
	}
	return ""
}

func kafka(p topics.Topic) map[string]any {
	config := map[string]any{"cleanup.policy": []string{string(p.Cleanup)}}
	if p.Retention > 0 {
		config["retention.ms"] = p.Retention.Milliseconds()
		if p.Cleanup == topics.Compact {
			delete(config, "retention.ms")
			config["x-min-compaction-lag.ms"] = p.Retention.Milliseconds()
		}
	}
	return map[string]any{"topic": p.Name, "partitions": p.Partitions, "topicConfiguration": config, "bindingVersion": binding}
}

// operate says who of us writes and reads.
func (d *document) operate(p topics.Topic) {
	at := ref{"#/channels/" + p.Name}
	var sent, taken []ref
	by := map[string]bool{}
	for _, e := range events.In(p.Name) {
		message := ref{"#/channels/" + p.Name + "/messages/" + e.Type}
		for _, producer := range e.Producers {
			if producer == events.Others {
				taken = append(taken, message)
			} else if owner(p.Name) == producer {
				sent = append(sent, message)
				by[producer] = true
			}
		}
	}
	if isDead(p.Name) {
		sent = []ref{{"#/channels/" + p.Name + "/messages/dead-letter"}}
	}
	if len(sent) > 0 {
		d.Operations.set("send-"+p.Name, operation{Action: "send", Summary: "Written by " + owner(p.Name) + ".", Channel: at, Messages: sent, By: []string{owner(p.Name)}})
	}
	if len(taken) > 0 {
		o := operation{Action: "receive", Summary: "Written by others, read by " + owner(p.Name) + ".", Channel: at, Messages: taken, By: []string{owner(p.Name)}}
		if len(p.Groups) > 0 {
			o.Bindings = map[string]any{"kafka": map[string]any{"groupId": constant(p.Groups[0]), "bindingVersion": binding}}
		}
		d.Operations.set("receive-"+p.Name, o)
	}
}

func owner(topic string) string { return topic[:strings.Index(topic, ".")] }

// event adds the message of a type.
func (d *document) event(e events.Event, key string, message protoreflect.MessageDescriptor, s *schemas) {
	m := messageOf(e)
	m.Bindings = map[string]any{"kafka": map[string]any{"key": text(key), "bindingVersion": binding}}
	if message == nil {
		m.Payload = to("schemas", "marker")
	} else {
		m.Payload = s.of(message)
	}
	d.Components.Messages.set(e.Type, m)
}

func messageOf(e events.Event) message {
	m := message{
		Name: e.Type, Summary: e.Purpose, ContentType: e.ContentType(), Headers: headersOf(e),
		Protobuf: string(e.MessageName()), Schema: e.Schema, Since: e.Since,
	}
	if e.Deprecated != nil {
		m.Sunset, m.Successor = e.Deprecated.Sunset.Format("2006-01-02"), e.Deprecated.Successor
	}
	return m
}

// desktop adds the WebSocket.
func (d *document) desktop(client, screen protoreflect.MessageDescriptor, s *schemas) {
	c := channel{
		Address: "/ws/desktop", Title: "The agent desktop",
		Description: "A WebSocket. Text frames carry protobuf's JSON mapping; with the subprotocol busyhour.desktop.v1.proto, binary frames carry " +
			"the same messages in binary. The first frame is logIn. The close code alone says whether to come back.",
		Servers: []ref{{"#/servers/desktop"}}, Bindings: map[string]any{"ws": map[string]any{"method": "GET", "bindingVersion": "0.1.0"}},
	}
	for _, x := range asyncapi.Closes() {
		c.Closes = append(c.Closes, closing(x))
	}
	for _, f := range []struct {
		id, action, summary string
		m                   protoreflect.MessageDescriptor
	}{{"client-frame", "receive", "From screen to server.", client}, {"server-frame", "send", "From server to screen.", screen}} {
		d.Components.Messages.set(f.id, message{
			Name: f.id, Summary: f.summary, ContentType: "application/json", Payload: s.of(f.m), Protobuf: string(f.m.FullName()),
		})
		c.Messages.set(f.id, ref{"#/components/messages/" + f.id})
		d.Operations.set(f.action+"-desktop", operation{
			Action: f.action, Summary: f.summary, Channel: ref{"#/channels/desktop"},
			Messages: []ref{{"#/channels/desktop/messages/" + f.id}}, By: []string{events.Presence},
		})
	}
	d.Channels.set("desktop", c)
}

func keyOf(e events.Event) string {
	for _, p := range topics.Plan() {
		if p.Name == e.Topics[0] {
			if e.Type == events.Epoch {
				return "the marker's own id; in a state topic epoch/<tenant>; in an epochs topic the tenants"
			}
			if e.Schema == events.SchemaGap {
				return "tenant"
			}
			return p.Key
		}
	}
	panic(fmt.Sprintf("%s stands in no topic of the plan", e.Type))
}
