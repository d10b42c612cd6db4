package main

import (
	"fmt"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// schemas makes JSON Schemas of protobuf's JSON mapping.
type schemas struct {
	all ordered[map[string]any]
}

// of gives a reference to the schema of a message, and sees that it is there, with all that it names.
func (s *schemas) of(m protoreflect.MessageDescriptor) map[string]any {
	name := string(m.FullName())
	if _, ok := s.all.values[name]; !ok {
		s.all.set(name, nil) // messages may name each other
		s.all.set(name, s.message(m))
	}
	return to("schemas", name)
}

func to(kind, name string) map[string]any {
	return map[string]any{"$ref": "#/components/" + kind + "/" + name}
}

func (s *schemas) message(m protoreflect.MessageDescriptor) map[string]any {
	properties := map[string]any{}
	var required []string
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		properties[f.JSONName()] = s.described(f)
		if rules(f).GetRequired() {
			required = append(required, f.JSONName())
		}
	}
	out := map[string]any{"type": "object", "properties": properties, "x-protobuf-message": string(m.FullName())}
	if text := comment(m); text != "" {
		out["description"] = text
	}
	if len(required) > 0 {
		out["required"] = required
	}
	for i := range m.Oneofs().Len() {
		if o := m.Oneofs().Get(i); !o.IsSynthetic() {
			var names []string
			for j := range o.Fields().Len() {
				names = append(names, o.Fields().Get(j).JSONName())
			}
			out["x-oneof-"+string(o.Name())] = names
		}
	}
	return out
}

// described is the schema of a field, with what the proto says of it. Beside a reference nothing else would count.
func (s *schemas) described(f protoreflect.FieldDescriptor) map[string]any {
	schema := s.field(f)
	text := comment(f)
	if _, isRef := schema["$ref"]; isRef {
		schema = map[string]any{"allOf": []any{schema}}
	}
	if text != "" {
		schema["description"] = text
	}
	schema["x-protobuf-field"] = int(f.Number())
	return schema
}

func (s *schemas) field(f protoreflect.FieldDescriptor) map[string]any {
	switch {
	case f.IsMap():
		return map[string]any{"type": "object", "additionalProperties": s.value(f.MapValue())}
	case f.IsList():
		out := map[string]any{"type": "array", "items": s.value(f)}
		if most := rules(f).GetRepeated(); most != nil && most.HasMaxItems() {
			out["maxItems"] = most.GetMaxItems()
		}
		return out
	}
	out := s.value(f)
	limit(out, rules(f))
	return out
}

func (s *schemas) value(f protoreflect.FieldDescriptor) map[string]any {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return map[string]any{"type": "boolean"}
	case protoreflect.StringKind:
		return map[string]any{"type": "string"}
	case protoreflect.BytesKind:
		return map[string]any{"type": "string", "contentEncoding": "base64"}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return map[string]any{"type": "integer", "format": "int32"}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return map[string]any{"type": "integer", "format": "int64", "minimum": 0, "maximum": 1<<32 - 1}
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return map[string]any{"type": "string", "pattern": "^-?[0-9]+$"}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return map[string]any{"type": "string", "pattern": "^[0-9]+$"}
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return map[string]any{"type": "number"}
	case protoreflect.EnumKind:
		return s.enum(f.Enum())
	}
	switch f.Message().FullName() {
	case "google.protobuf.Timestamp":
		return map[string]any{"type": "string", "format": "date-time"}
	case "google.protobuf.Duration":
		return map[string]any{"type": "string", "pattern": `^-?[0-9]+(\.[0-9]+)?s$`}
	}
	return s.of(f.Message())
}

// enum may have values that this version does not know: they are allowed, as numbers too.
func (s *schemas) enum(e protoreflect.EnumDescriptor) map[string]any {
	name := string(e.FullName())
	if _, ok := s.all.values[name]; !ok {
		var values []string
		var words strings.Builder
		words.WriteString(comment(e))
		for i := range e.Values().Len() {
			v := e.Values().Get(i)
			values = append(values, string(v.Name()))
			if text := comment(v); text != "" {
				fmt.Fprintf(&words, "\n%s: %s", v.Name(), text)
			}
		}
		schema := map[string]any{"type": "string", "x-values": values, "examples": values[len(values)-1:]}
		if text := strings.TrimSpace(words.String()); text != "" {
			schema["description"] = text
		}
		s.all.set(name, schema)
	}
	return to("schemas", name)
}

func rules(f protoreflect.FieldDescriptor) *validate.FieldRules {
	r, _ := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
	return r
}

// limit adds what the rules of a single field say.
func limit(schema map[string]any, r *validate.FieldRules) {
	if s := r.GetString(); s != nil {
		if s.HasMinLen() {
			schema["minLength"] = s.GetMinLen()
		}
		if s.HasMaxLen() {
			schema["maxLength"] = s.GetMaxLen()
		}
		if s.HasPattern() {
			schema["pattern"] = s.GetPattern()
		}
	}
	if n := r.GetUint32(); n.HasLte() {
		schema["maximum"] = n.GetLte()
	}
}

// comment is what the proto says in front of it.
func comment(d protoreflect.Descriptor) string {
	text := d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n")
}
