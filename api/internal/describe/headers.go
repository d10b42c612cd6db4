package main

import "github.com/busyhour/busyhour/api/events"

func text(description string) map[string]any {
	return map[string]any{"type": "string", "description": description}
}

func constant(value string) map[string]any { return map[string]any{"type": "string", "const": value} }

// ceHeaders is what all our events have in their headers: CloudEvents 1.0, Kafka protocol binding, binary mode.
func ceHeaders() map[string]any {
	return map[string]any{
		"type":        "object",
		"description": "CloudEvents 1.0 in Kafka's binary mode. Header values are UTF-8 text.",
		"required":    []string{"ce_specversion", "ce_id", "ce_source", "ce_type", "content-type"},
		"properties": map[string]any{
			"ce_specversion":          constant("1.0"),
			"ce_id":                   text("Unique within the source. Of an event: <tenant>/<record>@<epoch>.<n>. A repeat has the id of the first."),
			"ce_source":               map[string]any{"type": "string", "format": "uri-reference", "description": "The service that tells it, for instance /busyhour/call-routing."},
			"ce_type":                 text("The type, which ends in its version. Pass over what you do not know."),
			"ce_subject":              text("The record that changed, for instance contact:c-42. Absent from gaps and markers, which are about no record."),
			"ce_time":                 map[string]any{"type": "string", "format": "date-time", "description": "When it was decided, by the clock of Redis. Absent from markers."},
			"ce_dataschema":           map[string]any{"type": "string", "format": "uri", "description": "urn:busyhour:proto:<full name of the protobuf message>"},
			"ce_tenant":               text("The contact centre. Absent from markers, which name theirs in the value."),
			"ce_revision":             map[string]any{"type": "string", "pattern": "^[0-9]+$", "description": "epoch * 2^32 + n, in decimals; below 2^53. Newer is greater. Absent from gaps and markers."},
			"ce_op":                   text("The operation that made the change; the same for a command that was repeated."),
			"content-type":            text("CloudEvents' datacontenttype."),
			"traceparent":             text("W3C trace context, where there is a trace; tracestate likewise."),
			"ce_traceparent":          text("The same, as CloudEvents' extension."),
			"ce_deprecated":           map[string]any{"type": "string", "enum": []string{"true"}, "description": "The type goes. Absent from types that stay."},
			"ce_deprecationfrom":      map[string]any{"type": "string", "format": "date-time", "description": "Since when that is known."},
			"ce_deprecationsunset":    map[string]any{"type": "string", "format": "date-time", "description": "Not before then the type is written no more."},
			"ce_deprecationmigration": map[string]any{"type": "string", "format": "uri", "description": "What comes instead."},
		},
	}
}

// headersOf narrows them for one type.
func headersOf(e events.Event) map[string]any {
	properties := map[string]any{
		"ce_type":       constant(e.Type),
		"content-type":  constant(e.ContentType()),
		"ce_dataschema": constant(e.Schema),
	}
	return map[string]any{"allOf": []any{
		to("schemas", "headers"),
		map[string]any{"type": "object", "properties": properties, "required": requiredOf(e)},
	}}
}

// requiredOf are the headers without which the event is none. Others need to give us less than we give.
func requiredOf(e events.Event) []string {
	switch {
	case e.Producers[0] == events.Others || len(e.Producers) > 1 && e.Message != nil:
		return []string{"ce_type"}
	case e.Message == nil:
		return []string{"ce_type"}
	case e.Schema == events.SchemaGap:
		return []string{"ce_type", "ce_dataschema", "ce_time", "ce_tenant"}
	}
	return []string{"ce_type", "ce_dataschema", "ce_time", "ce_tenant", "ce_subject", "ce_revision", "ce_op"}
}

// markerSchema is the one payload that is JSON.
func markerSchema() map[string]any {
	return map[string]any{
		"type":        "object",
		"description": "Behind it, in that partition, events of these tenants with a lower epoch are void.",
		"required":    []string{"tenants", "nonce"},
		"properties": map[string]any{
			"tenants": map[string]any{"type": "array", "items": map[string]any{"type": "string"}},
			"epoch":   map[string]any{"type": "integer", "description": "Absent in an epochs topic: there it is the offset, or the floor if that is higher."},
			"floor":   map[string]any{"type": "integer"},
			"nonce":   text("Tells the markers of two takers apart."),
			"ends":    map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "integer"}, "description": "In an epochs topic: the reign that this one ends, by tenant."},
			"hand":    map[string]any{"type": "boolean", "description": "In an epochs topic: a person asked for it."},
		},
	}
}

// deadHeaders are beside the headers of the original.
func deadHeaders() map[string]any {
	return map[string]any{
		"type":     "object",
		"required": []string{"dead-letter-reason", "dead-letter-topic", "dead-letter-partition", "dead-letter-offset", "dead-letter-time"},
		"properties": map[string]any{
			"dead-letter-reason":    text("Why, in words; it begins with a stable UPPER_SNAKE_CASE code where the domain refused."),
			"dead-letter-topic":     text("Where it stood."),
			"dead-letter-partition": map[string]any{"type": "string", "pattern": "^[0-9]+$"},
			"dead-letter-offset":    map[string]any{"type": "string", "pattern": "^[0-9]+$"},
			"dead-letter-time":      map[string]any{"type": "string", "format": "date-time", "description": "The timestamp of the original."},
			"dead-letter-cut":       text("What of the original did not fit; absent if all did."),
		},
	}
}
