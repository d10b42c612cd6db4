package scim

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

// How an agent looks as a user; internal/connector says the same to downstreams.
//
//	id, userName                 the agent's id
//	externalId                   external_id
//	displayName, name.formatted  name
//	active                       not deactivated
//	phoneNumbers, type work      address; none: no such number
//	groups                       the queues the agent serves
//	<agentSchema>                skills [{name, level}], queues [id], capacity [{channel, contacts}]

// userOf is the agent as a user, without meta. queueName names a queue.
func userOf(a *provisioningv1.Agent, queueName func(id string) string, at base) object {
	u := object{
		"schemas": []any{userSchema, agentSchema}, "id": a.GetId(), "userName": a.GetId(),
		"displayName": a.GetName(), "name": object{"formatted": a.GetName()}, "active": !a.GetDeactivated(),
	}
	if a.GetExternalId() != "" {
		u["externalId"] = a.GetExternalId()
	}
	if a.GetAddress() != "" {
		u["phoneNumbers"] = []any{object{"type": "work", "value": a.GetAddress()}}
	}
	var groups []any
	for _, q := range a.GetQueueIds() {
		groups = append(groups, object{"value": q, "display": queueName(q), "$ref": at.of(groupType, q), "type": "direct"})
	}
	if len(groups) > 0 {
		u["groups"] = groups
	}
	if e := extensionOf(a); len(e) > 0 {
		u[agentSchema] = e
	}
	return u
}

// extensionOf leaves out what is empty.
func extensionOf(a *provisioningv1.Agent) object {
	e := object{}
	var skills, queues, capacity []any
	for _, s := range a.GetSkills() {
		skills = append(skills, object{"name": s.GetName(), "level": s.GetLevel()})
	}
	for _, q := range a.GetQueueIds() {
		queues = append(queues, q)
	}
	for _, c := range a.GetCapacity() {
		capacity = append(capacity, object{"channel": directory.ChannelName(c.GetChannel()), "contacts": c.GetContacts()})
	}
	for name, values := range map[string][]any{"skills": skills, "queues": queues, "capacity": capacity} {
		if len(values) > 0 {
			e[name] = values
		}
	}
	return e
}

// agentOf is the agent as a user asks for it. before is how it stands; nil: it is to be created. What is left out stays, if
// the user comes from somebody who does not know agents: an identity provider that has never heard of skills takes none away.
// Who names the extension in schemas knows them, and takes away what they leave out; so does a PATCH, which is whole. null
// takes away either way.
func agentOf(u object, before *provisioningv1.Agent, whole bool) (*provisioningv1.Agent, error) {
	a := &provisioningv1.Agent{}
	if before != nil {
		a = proto.CloneOf(before)
	}
	r := &reading{o: u, keep: !whole && !knowsAgents(u)}
	if err := r.identity(a, before); err != nil {
		return nil, err
	}
	r.name(a)
	r.text("externalId", &a.ExternalId)
	r.active(a)
	r.address(a)
	r.extension(a)
	if len(a.GetCapacity()) == 0 {
		a.Capacity = []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_VOICE, Contacts: 1}}
	}
	return a, cmp.Or(r.err, checkAgent(a))
}

func knowsAgents(u object) bool {
	return has(u, agentSchema) || slices.ContainsFunc(list(get(u, "schemas")), func(s any) bool { return sameText(s, agentSchema) })
}

// inSCIM are the fields of an agent by the names that its caller knows.
var inSCIM = map[string]string{"id": "userName", "name": "displayName", "address": "phoneNumbers"}

const longestExternalID = 256

func checkAgent(a *provisioningv1.Agent) error {
	var texts []string
	for _, p := range directory.CheckAgent(a) {
		texts = append(texts, cmp.Or(inSCIM[p.Field], p.Field)+" "+p.Text)
	}
	return refuse(texts, a.GetExternalId())
}

func refuse(texts []string, externalID string) error {
	if utf8.RuneCountInString(externalID) > longestExternalID {
		texts = append(texts, "externalId is longer than 256 characters")
	}
	if len(texts) == 0 {
		return nil
	}
	return bad(invalidValue, "%s", strings.Join(texts, "; "))
}

// reading takes an agent or a queue from an object; err is the first thing wrong.
type reading struct {
	o    object
	keep bool // what is left out stays
	err  error
}

func (r *reading) wrong(format string, args ...any) {
	if r.err == nil {
		r.err = bad(invalidValue, format, args...)
	}
}

// given reports whether anything is to be done about an attribute: it is there, or its absence says something.
func (r *reading) given(name string) bool { return has(r.o, name) || !r.keep }

func (r *reading) text(name string, into *string) {
	if !r.given(name) {
		return
	}
	text, ok := get(r.o, name).(string)
	if !ok && get(r.o, name) != nil {
		r.wrong("%s is no text", name)
		return
	}
	*into = text
}

// identity is fixed once it is there.
func (r *reading) identity(a, before *provisioningv1.Agent) error {
	name, ok := get(r.o, "userName").(string)
	switch {
	case !ok || name == "":
		return bad(invalidValue, "userName is missing: a text is expected")
	case before != nil && name != before.GetId():
		return bad(mutability, "userName is %q and stays so, for it is the agent's id: create another user and delete this one", before.GetId())
	}
	a.Id = name
	return nil
}

// name is displayName, else name.formatted, else made of its parts. What makes it must not depend on what it was: a provider
// that sends the same again and again must find the same.
func (r *reading) name(a *provisioningv1.Agent) {
	parts, ok := get(r.o, "name").(object)
	if !ok && get(r.o, "name") != nil {
		r.wrong("name is no object")
		return
	}
	n := &reading{o: parts}
	var display, formatted, given, family string
	r.text("displayName", &display)
	n.text("formatted", &formatted)
	n.text("givenName", &given)
	n.text("familyName", &family)
	if n.err != nil {
		r.wrong("name: %v", n.err)
	}
	a.Name = cmp.Or(display, formatted, strings.TrimSpace(given+" "+family), a.GetName(), a.GetId())
}

// active as a boolean, or as the text that some providers make of it. Left out it stays: nobody means to wake somebody so.
func (r *reading) active(a *provisioningv1.Agent) {
	switch v := get(r.o, "active").(type) {
	case nil:
	case bool:
		a.Deactivated = !v
	case string:
		if !strings.EqualFold(v, "true") && !strings.EqualFold(v, "false") {
			r.wrong("active is %q, and true or false is expected", short(v))
		}
		a.Deactivated = strings.EqualFold(v, "false")
	default:
		r.wrong("active is neither true nor false")
	}
}

// address is the number of type work; one without a type will do.
func (r *reading) address(a *provisioningv1.Agent) {
	if !r.given("phoneNumbers") {
		return
	}
	a.Address = ""
	typed := false
	for _, n := range r.objects(r.o, "phoneNumbers") {
		value, ok := get(n, "value").(string)
		if !ok && get(n, "value") != nil {
			r.wrong("phoneNumbers: a value is no text")
		}
		switch kind := get(n, "type"); {
		case sameText(kind, "work") && !typed:
			a.Address, typed = value, true
		case empty(kind) && a.GetAddress() == "":
			a.Address = value
		}
	}
}

// objects are the values of an attribute that has many.
func (r *reading) objects(o object, name string) (all []object) {
	for _, v := range list(get(o, name)) {
		value, ok := v.(object)
		if !ok {
			r.wrong("%s: a value is no object", name)
			return nil
		}
		all = append(all, value)
	}
	return all
}

func (r *reading) extension(a *provisioningv1.Agent) {
	e, ok := get(r.o, agentSchema).(object)
	if !ok && get(r.o, agentSchema) != nil {
		r.wrong("%s is no object", agentSchema)
	}
	if e == nil && !r.given(agentSchema) {
		return
	}
	a.Skills, a.QueueIds, a.Capacity = nil, nil, nil
	for _, s := range r.objects(e, "skills") {
		name, _ := get(s, "name").(string)
		a.Skills = append(a.Skills, &commonv1.Skill{Name: name, Level: r.count(s, "skills", "level")})
	}
	for _, q := range list(get(e, "queues")) {
		id, ok := q.(string)
		if !ok {
			r.wrong("queues: a value is no text")
		}
		a.QueueIds = append(a.QueueIds, id)
	}
	for _, c := range r.objects(e, "capacity") {
		name, _ := get(c, "channel").(string)
		channel := commonv1.Channel_value["CHANNEL_"+strings.ToUpper(name)]
		if channel == 0 {
			r.wrong("capacity: channel is %q, and voice or chat is expected", short(name))
		}
		a.Capacity = append(a.Capacity, &provisioningv1.Capacity{Channel: commonv1.Channel(channel), Contacts: r.count(c, "capacity", "contacts")})
	}
}

// count reads a number; one that is left out is zero.
func (r *reading) count(o object, list, name string) uint32 {
	switch v := get(o, name).(type) {
	case nil:
		return 0
	case uint32: // as userOf wrote it
		return v
	case json.Number:
		if n, err := v.Int64(); err == nil && n >= 0 && n <= 1<<31 {
			return uint32(n)
		}
	}
	r.wrong("%s: %s is no whole number from 0", list, name)
	return 0
}
