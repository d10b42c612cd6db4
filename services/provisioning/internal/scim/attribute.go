package scim

import "strings"

// The schemas that are spoken here.
const (
	userSchema   = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupSchema  = "urn:ietf:params:scim:schemas:core:2.0:Group"
	agentSchema  = "urn:busyhour:params:scim:schemas:extension:agent:1.0:User"
	schemaSchema = "urn:ietf:params:scim:schemas:core:2.0:Schema"
	typeSchema   = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	configSchema = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
)

// attribute as RFC 7643, 7 describes one. Zero values are the usual: a text, one, readable and writable.
type attribute struct {
	name, kind, doc      string
	many, exact, needed  bool
	readOnly, fixed      bool // fixed: written at creation only
	always, unique       bool
	key                  string // of many: the sub-attribute by which one is told from another
	values, referencesTo []string
	sub                  []attribute
}

// valueOf is the sub-attribute that a complex value stands for.
const valueOf = "value"

// What every resource has.
var common = []attribute{
	{name: "id", exact: true, readOnly: true, always: true, unique: true, doc: "The id in the directory."},
	{name: "externalId", exact: true, doc: "The id by which the identity provider knows it."},
	{name: "schemas", kind: "reference", many: true, exact: true, always: true, doc: "The schemas it speaks."},
	{name: "meta", kind: "complex", readOnly: true, doc: "About the resource.", sub: []attribute{
		{name: "resourceType", exact: true, readOnly: true, doc: "User or Group."},
		{name: "location", kind: "reference", exact: true, readOnly: true, doc: "Where it is."},
		{name: "version", exact: true, readOnly: true, doc: "Its ETag."},
		{name: "lastModified", kind: "dateTime", readOnly: true, doc: "When it was changed last."},
	}},
}

var userAttributes = []attribute{
	{name: "userName", exact: true, needed: true, fixed: true, unique: true, doc: "The agent's id: letters, digits and . _ : @ + -. It stays as it was created."},
	{name: "displayName", doc: "The agent's name."},
	{name: "name", kind: "complex", doc: "The agent's name, too.", sub: []attribute{
		{name: "formatted", doc: "The agent's name. Without it, and without displayName, it is made of givenName and familyName, which are not kept."},
	}},
	{name: "active", kind: "boolean", doc: "Whether the agent takes contacts."},
	{name: "phoneNumbers", kind: "complex", many: true, key: "type", doc: "The one of type work is where the agent's calls ring; others are not kept.", sub: []attribute{
		{name: "value", doc: "The number, or another address."},
		{name: "type", values: []string{"work"}, doc: "work."},
	}},
	{name: "groups", kind: "complex", many: true, readOnly: true, key: "value", doc: "The queues the agent serves.", sub: []attribute{
		{name: "value", exact: true, readOnly: true, doc: "The queue's id."},
		{name: "$ref", kind: "reference", exact: true, readOnly: true, referencesTo: []string{"Group"}, doc: "Where it is."},
		{name: "display", readOnly: true, doc: "The queue's name."},
		{name: "type", readOnly: true, values: []string{"direct"}, doc: "direct."},
	}},
}

var agentAttributes = []attribute{
	{name: "skills", kind: "complex", many: true, key: "name", doc: "What the agent can do.", sub: []attribute{
		{name: "name", exact: true, needed: true, doc: "The skill."},
		{name: "level", kind: "integer", doc: "0 to 100."},
	}},
	{name: "queues", many: true, exact: true, doc: "The ids of the queues the agent serves."},
	{name: "capacity", kind: "complex", many: true, key: "channel", doc: "Contacts at a time, per channel; with none named, one voice call.", sub: []attribute{
		{name: "channel", needed: true, values: []string{"voice", "chat"}, doc: "voice or chat."},
		{name: "contacts", kind: "integer", doc: "0 to 50."},
	}},
}

var groupAttributes = []attribute{
	{name: "displayName", needed: true, doc: "The queue's name. At creation the queue's id is made of it."},
	{name: "members", kind: "complex", many: true, key: "value", doc: "The agents that serve the queue.", sub: []attribute{
		{name: "value", exact: true, fixed: true, doc: "The user's id."},
		{name: "$ref", kind: "reference", exact: true, fixed: true, referencesTo: []string{"User"}, doc: "Where it is."},
		{name: "type", fixed: true, values: []string{"User"}, doc: "User."},
	}},
}

// schema is a set of attributes with a name of its own.
type schema struct {
	id, name, doc string
	attributes    []attribute
}

var (
	userCore  = schema{userSchema, "User", "An agent.", userAttributes}
	agentPart = schema{agentSchema, "Agent", "What an agent has that a user has not.", agentAttributes}
	groupCore = schema{groupSchema, "Group", "A queue.", groupAttributes}
)

// resourceType is users or groups.
type resourceType struct {
	name, path string
	core       schema
	extensions []schema
}

var (
	userType  = &resourceType{"User", "Users", userCore, []schema{agentPart}}
	groupType = &resourceType{"Group", "Groups", groupCore, nil}
)

// place is where an attribute stands in a resource. The zero place is nowhere: an attribute that nobody knows here.
type place struct {
	extension string // its object, if it is an extension's
	attribute *attribute
	sub       *attribute
	whole     bool // the extension itself
}

func (p place) known() bool { return p.attribute != nil || p.whole }

// name as it is written.
func (p place) String() string {
	switch {
	case p.whole:
		return p.extension
	case p.attribute == nil:
		return ""
	}
	text := p.attribute.name
	if p.extension != "" {
		text = p.extension + ":" + text
	}
	if p.sub != nil {
		text += "." + p.sub.name
	}
	return text
}

// leaf is the attribute that is meant in the end. Of many that are not named further it is their value.
func (p place) leaf() *attribute {
	switch {
	case p.sub != nil:
		return p.sub
	case p.attribute != nil && p.attribute.kind == "complex" && p.attribute.many:
		if value := named(p.attribute.sub, valueOf); value != nil {
			return value
		}
	}
	return p.attribute
}

// lookUp finds an attribute by its name, with a schema before it and a sub-attribute behind it if there are.
func (t *resourceType) lookUp(text string) place {
	for _, e := range t.extensions {
		switch rest, ok := cutFold(text, e.id); {
		case ok && rest == "":
			return place{extension: e.id, whole: true}
		case ok && rest[0] == ':':
			return within(e.attributes, rest[1:], e.id)
		}
	}
	if rest, ok := cutFold(text, t.core.id+":"); ok {
		text = rest
	}
	if p := within(t.core.attributes, text, ""); p.known() {
		return p
	}
	return within(common, text, "")
}

func within(all []attribute, text, extension string) place {
	name, sub, dotted := strings.Cut(text, ".")
	a := named(all, name)
	if a == nil {
		return place{}
	}
	p := place{extension: extension, attribute: a}
	if dotted {
		if p.sub = named(a.sub, sub); p.sub == nil {
			return place{}
		}
	}
	return p
}

func named(all []attribute, name string) *attribute {
	for i := range all {
		if strings.EqualFold(all[i].name, name) {
			return &all[i]
		}
	}
	return nil
}

func cutFold(text, prefix string) (rest string, ok bool) {
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return text, false
	}
	return text[len(prefix):], true
}

// holder is the object of a resource in which the attribute stands; nil if there is none, unless it is to be made.
func (p place) holder(o object, make bool) object {
	if p.extension == "" {
		return o
	}
	e, _ := get(o, p.extension).(object)
	if e == nil && make {
		e = object{}
		set(o, p.extension, e)
	}
	return e
}

// in gives all values of the attribute in a resource.
func (p place) in(o object) []any {
	if p.whole {
		return list(get(o, p.extension))
	}
	holder := p.holder(o, false)
	if holder == nil {
		return nil
	}
	values := list(get(holder, p.attribute.name))
	leaf := p.leaf()
	if leaf == p.attribute {
		return values
	}
	return subValues(values, leaf.name)
}

func subValues(values []any, sub string) (all []any) {
	for _, v := range values {
		if o, ok := v.(object); ok {
			all = append(all, list(get(o, sub))...)
		}
	}
	return all
}
