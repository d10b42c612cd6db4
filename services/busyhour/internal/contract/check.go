package contract

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
)

// Problem is something that a sample has wrong, and what to do about it.
type Problem struct {
	Sample string `json:"sample"`
	What   string `json:"what"`
	Do     string `json:"do"`
}

func (p Problem) String() string { return p.Sample + ": " + p.What + "\n    " + p.Do }

// limits of a value, in bytes. Kafka takes no record of more than 1 MiB, key and headers counted.
var limits = map[string]int{topics.Signals: 64 << 10}

const defaultLimit = 1_000_000

// OpenTopics are those that others may write to.
func OpenTopics() []string {
	open := map[string]bool{}
	for _, e := range events.Table() {
		if slices.Contains(e.Producers, events.Others) {
			open[e.Topics[0]] = true
		}
	}
	return slices.Sorted(maps.Keys(open))
}

// Check says what is wrong with a sample.
func Check(topic string, s Sample) []Problem {
	c := &check{topic: topic, sample: s}
	if e, ok := c.event(); ok {
		c.headers(e)
		if m := c.payload(e); m != nil {
			c.rules(m)
			c.about(m)
		}
	}
	return c.problems
}

type check struct {
	topic    string
	sample   Sample
	problems []Problem
}

func (c *check) wrong(do, what string, args ...any) {
	c.problems = append(c.problems, Problem{Sample: c.sample.Name, What: fmt.Sprintf(what, args...), Do: do})
}

// event finds what the sample says it is.
func (c *check) event() (events.Event, bool) {
	var types []string
	for _, e := range events.In(c.topic) {
		if !slices.Contains(e.Producers, events.Others) {
			continue
		}
		if e.Type == c.sample.Headers["ce_type"] {
			return e, true
		}
		types = append(types, e.Type)
	}
	if len(types) == 0 {
		c.wrong("topics that take events of others: "+strings.Join(OpenTopics(), ", "), "nobody but Busyhour writes to %s", c.topic)
		return events.Event{}, false
	}
	c.wrong("set it to "+strings.Join(types, " or "), "header ce_type is %q, which is no type of %s", c.sample.Headers["ce_type"], c.topic)
	return events.Event{}, false
}

var traceParent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

func (c *check) headers(e events.Event) {
	h := c.sample.Headers
	if h["ce_specversion"] != "1.0" {
		c.wrong("set it to 1.0", "header ce_specversion is %q", h["ce_specversion"])
	}
	if h["ce_id"] == "" {
		c.wrong("give each event an id that no other of its source has; a repeat of it has the same", "header ce_id is missing")
	}
	if h["ce_source"] == "" {
		c.wrong("name the system that tells it, as a URI, for instance /acme/workforce", "header ce_source is missing")
	}
	if h["content-type"] != e.ContentType() {
		c.wrong("set it to "+e.ContentType(), "header content-type is %q", h["content-type"])
	}
	if t, ok := h["ce_time"]; ok {
		if _, err := time.Parse(time.RFC3339Nano, t); err != nil {
			c.wrong("write it as 2026-11-27T09:00:00.5Z, or leave it out", "header ce_time is %q, which is no time of RFC 3339", t)
		}
	}
	if t, ok := h["ce_dataschema"]; ok && t != e.Schema {
		c.wrong("set it to "+e.Schema+", or leave it out", "header ce_dataschema is %q", t)
	}
	if t, ok := h["traceparent"]; ok && !traceParent.MatchString(t) {
		c.wrong("write it as W3C trace context says, or leave it out", "header traceparent is %q", t)
	}
	for k := range h {
		if low := strings.ToLower(k); low != k && (strings.HasPrefix(low, "ce_") || low == "content-type") {
			c.wrong("write it "+low, "header %s has capital letters: Kafka tells them apart", k)
		}
	}
}

// payload decodes it; nil if it can't be.
func (c *check) payload(e events.Event) proto.Message {
	m := e.New()
	switch name := e.MessageName(); {
	case c.sample.JSON != nil && c.sample.Value != nil:
		c.wrong("leave one out", "there are value and valueBase64")
		return nil
	case c.sample.JSON != nil:
		if err := protojson.Unmarshal(c.sample.JSON, m); err != nil {
			c.wrong("compare it with api/proto, and the JSON mapping of protobuf", "the value is no %s: %v", name, clean(err))
			return nil
		}
	case c.sample.Value != nil:
		if err := proto.Unmarshal(c.sample.Value, m); err != nil {
			c.wrong("encode that message, without a length, a schema id or anything else before it", "the value is no %s: %v", name, clean(err))
			return nil
		}
		if unknown := m.ProtoReflect().GetUnknown(); len(unknown) > 0 {
			c.wrong("if they are of a later version of the contract, all is well; else it is another message", "the value has %d bytes of fields that %s has not", len(unknown), name)
		}
	default:
		c.wrong("give it as value or valueBase64", "there is no value")
		return nil
	}
	limit := defaultLimit
	if l, ok := limits[c.topic]; ok {
		limit = l
	}
	if size := proto.Size(m); size > limit {
		c.wrong("leave out what is not needed to decide, or send a reference to it", "the value has %d bytes, %s takes at most %d", size, c.topic, limit)
	}
	return m
}

// clean takes out of an error of protobuf the space that it puts there at random.
func clean(err error) string { return strings.ReplaceAll(err.Error(), "\u00a0", " ") }

// rules are those that the contract writes beside its fields.
func (c *check) rules(m proto.Message) {
	err := protovalidate.Validate(m)
	var broken *protovalidate.ValidationError
	switch {
	case errors.As(err, &broken):
		for _, v := range broken.Violations {
			field := protovalidate.FieldPathString(v.Proto.GetField())
			c.wrong("see the rules in api/proto", "%s: %s", dash(field), v.Proto.GetMessage())
		}
	case err != nil:
		c.wrong("see the rules in api/proto", "%v", err)
	}
}

func dash(field string) string {
	if field == "" {
		return "the event"
	}
	return field
}

// about checks what must be the same within the payload and beside it.
func (c *check) about(m proto.Message) {
	tenant, key, what := "", "", ""
	switch m := m.(type) {
	case *routingv1.Signal:
		tenant, key, what = m.GetTenant(), m.GetCallId(), "call_id"
	case *presencev1.PresenceCommand:
		tenant, key, what = m.GetTenant(), m.GetAgentId(), "agent_id"
	case *provisioningv1.Request:
		tenant, key, what = m.GetTenant(), m.GetItem().GetAgent().GetId(), "item.agent.id"
		if m.GetItem().GetQueue() != nil {
			key, what = m.GetItem().GetQueue().GetId(), "item.queue.id"
		}
	}
	if t, ok := c.sample.Headers["ce_tenant"]; !ok {
		c.wrong("set it to the tenant of the payload", "header ce_tenant is missing")
	} else if t != tenant {
		c.wrong("set it to the tenant of the payload", "header ce_tenant is %q, the payload is of %q", t, tenant)
	}
	switch {
	case c.sample.Key == nil:
		c.wrong("set it to "+what+": what is about one of them must come in order", "there is no key")
	case *c.sample.Key != key:
		c.wrong("set it to "+what+": what is about one of them must come in order", "the key is %q, %s is %q", *c.sample.Key, what, key)
	}
}
