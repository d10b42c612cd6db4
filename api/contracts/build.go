package contracts

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/busyhour/busyhour/api/asyncapi"
	"github.com/busyhour/busyhour/api/events"
	"github.com/busyhour/busyhour/api/golden"
	"github.com/busyhour/busyhour/api/topics"
)

// page is what the template shows.
type page struct {
	Topics   []topic
	Messages []message
	Closes   []asyncapi.Close
}

type topic struct {
	topics.Topic
	Anchor, Kept string
	Events       []event
}

type event struct {
	events.Event
	Message, Anchor  string
	Example, Headers string
}

type message struct {
	Name, Anchor, Comment string
	Fields                []field
	Values                []value
}

type field struct {
	Name, Type, Anchor, Comment string
	Number                      int
}

type value struct {
	Name, Comment string
	Number        int
}

func build() (page, error) {
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(asyncapi.Descriptors, set); err != nil {
		return page{}, fmt.Errorf("descriptors: %w", err)
	}
	all, err := protodesc.NewFiles(set)
	if err != nil {
		return page{}, fmt.Errorf("descriptors: %w", err)
	}
	p := page{Closes: asyncapi.Closes()}
	wanted := map[protoreflect.FullName]bool{}
	for _, t := range topics.Plan() {
		at := topic{Topic: t, Anchor: anchor(t.Name), Kept: kept(t)}
		for _, e := range events.In(t.Name) {
			if e.Message != nil {
				wanted[e.MessageName()] = true
			}
			at.Events = append(at.Events, eventOf(e))
		}
		p.Topics = append(p.Topics, at)
	}
	wanted["busyhour.presence.v1.ClientFrame"], wanted["busyhour.presence.v1.ServerFrame"] = true, true
	p.Messages, err = messages(all, wanted)
	return p, err
}

func kept(t topics.Topic) string {
	switch {
	case t.Cleanup == topics.Compact:
		return "compacted: the latest of each key stays"
	case t.Retention == 24*time.Hour:
		return "a day"
	case t.Retention%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", t.Retention/(24*time.Hour))
	}
	return t.Retention.String()
}

func eventOf(e events.Event) event {
	out := event{Event: e, Message: string(e.MessageName()), Anchor: anchor(string(e.MessageName()))}
	if r, ok := golden.Of(e.Type); ok {
		var headers strings.Builder
		fmt.Fprintf(&headers, "key: %s\n", r.Key)
		for _, name := range sorted(r.Headers) {
			fmt.Fprintf(&headers, "%s: %s\n", name, r.Headers[name])
		}
		out.Example, out.Headers = string(r.JSON), headers.String()
	}
	return out
}

func sorted(m map[string]string) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// messages are those that are wanted, and all that they name.
func messages(all *protoregistry.Files, wanted map[protoreflect.FullName]bool) ([]message, error) {
	found := map[protoreflect.FullName]message{}
	for name := range wanted {
		d, err := all.FindDescriptorByName(name)
		if err != nil {
			return nil, err
		}
		add(found, d)
	}
	var list []message
	for _, m := range found {
		list = append(list, m)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list, nil
}

func add(found map[protoreflect.FullName]message, d protoreflect.Descriptor) {
	if _, ok := found[d.FullName()]; ok || !strings.HasPrefix(string(d.FullName()), "busyhour.") {
		return
	}
	m := message{Name: string(d.FullName()), Anchor: anchor(string(d.FullName())), Comment: comment(d)}
	found[d.FullName()] = m
	switch d := d.(type) {
	case protoreflect.EnumDescriptor:
		for i := range d.Values().Len() {
			v := d.Values().Get(i)
			m.Values = append(m.Values, value{string(v.Name()), comment(v), int(v.Number())})
		}
	case protoreflect.MessageDescriptor:
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			typ, link := typeOf(f)
			m.Fields = append(m.Fields, field{string(f.Name()), typ, link, comment(f), int(f.Number())})
			for _, below := range []protoreflect.FieldDescriptor{f, f.MapValue()} {
				if below != nil && below.Message() != nil && !below.IsMap() {
					add(found, below.Message())
				}
				if below != nil && below.Enum() != nil {
					add(found, below.Enum())
				}
			}
		}
	}
	found[d.FullName()] = m
}

// typeOf names the type of a field, and where it is described here.
func typeOf(f protoreflect.FieldDescriptor) (name, link string) {
	switch {
	case f.IsMap():
		value, link := typeOf(f.MapValue())
		return "map of " + f.MapKey().Kind().String() + " to " + value, link
	case f.Message() != nil:
		name = string(f.Message().FullName())
	case f.Enum() != nil:
		name = string(f.Enum().FullName())
	default:
		name = f.Kind().String()
	}
	if strings.HasPrefix(name, "busyhour.") {
		link = anchor(name)
	}
	name = name[strings.LastIndex(name, ".")+1:]
	if f.IsList() {
		name = "list of " + name
	}
	return name, link
}

func comment(d protoreflect.Descriptor) string {
	return strings.TrimSpace(d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments)
}
