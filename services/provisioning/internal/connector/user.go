package connector

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

const (
	userSchema = "urn:ietf:params:scim:schemas:core:2.0:User"
	// agentSchema is the extension with what a SCIM user has no attributes for.
	agentSchema = "urn:busyhour:params:scim:schemas:extension:agent:1.0:User"
)

// user is a SCIM user: its attributes by name, as they are in JSON. Numbers are kept as they were written.
type user map[string]any

// userOf is how an agent looks as a SCIM user:
//
//	userName                     the agent's id
//	externalId                   <tenant>/<id>, by which the user is found again
//	displayName, name.formatted  the agent's name
//	active                       whether the agent is not deactivated; who is deleted in the directory is deleted there
//	phoneNumbers, type work      the agent's address; none: no such number
//	<agentSchema>                skills [{name, level}], queues [id], capacity [{channel, contacts}]
func userOf(tenant string, a *provisioningv1.Agent) user {
	u := user{
		"schemas": []string{userSchema}, "userName": a.GetId(), "externalId": externalID(tenant, a),
		"displayName": a.GetName(), "name": map[string]any{"formatted": a.GetName()}, "active": !a.GetDeactivated(),
	}
	if a.GetAddress() != "" {
		u["phoneNumbers"] = []any{map[string]any{"type": "work", "value": a.GetAddress()}}
	}
	if e := extensionOf(a); len(e) > 0 {
		u["schemas"], u[agentSchema] = []string{userSchema, agentSchema}, e
	}
	return u.plain()
}

func externalID(tenant string, a *provisioningv1.Agent) string {
	return externalIDPrefix(tenant) + a.GetId()
}

// externalIDPrefix is what the externalIds of a tenant's agents begin with.
func externalIDPrefix(tenant string) string { return tenant + "/" }

// extensionOf leaves out what is empty, for a server does not tell that from what is not there.
func extensionOf(a *provisioningv1.Agent) map[string]any {
	var skills, capacity []any
	for _, s := range a.GetSkills() {
		skills = append(skills, map[string]any{"name": s.GetName(), "level": s.GetLevel()})
	}
	for _, c := range a.GetCapacity() {
		capacity = append(capacity, map[string]any{"channel": channel(c.GetChannel()), "contacts": c.GetContacts()})
	}
	e := map[string]any{}
	if len(skills) > 0 {
		e["skills"] = skills
	}
	if queues := a.GetQueueIds(); len(queues) > 0 {
		e["queues"] = queues
	}
	if len(capacity) > 0 {
		e["capacity"] = capacity
	}
	return e
}

func channel(c commonv1.Channel) string {
	return strings.ToLower(strings.TrimPrefix(c.String(), "CHANNEL_"))
}

// plain is the user as if it had come over the wire, so that the two can be compared.
func (u user) plain() user {
	text, err := json.Marshal(u)
	if err != nil {
		panic(err) // texts, numbers and lists of them
	}
	var p user
	if err := decode(text, &p); err != nil {
		panic(err)
	}
	return p
}

func decode(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

func (u user) text(attribute string) string {
	text, _ := u[attribute].(string)
	return text
}

// version is the ETag that the user was found with; empty if the server has none.
func (u user) version() string {
	meta, _ := u["meta"].(map[string]any)
	version, _ := meta["version"].(string)
	return version
}

// with is what stands there, and over it what is wanted: attributes that others have set stay.
func (u user) with(wanted user) user {
	all := maps.Clone(u)
	maps.Copy(all, wanted)
	all["schemas"] = union(u["schemas"], wanted["schemas"])
	all["name"] = over(u["name"], wanted["name"])
	all["phoneNumbers"] = withWork(u["phoneNumbers"], wanted["phoneNumbers"])
	if len(all["phoneNumbers"].([]any)) == 0 {
		delete(all, "phoneNumbers")
	}
	if wanted[agentSchema] == nil {
		delete(all, agentSchema)
	}
	return all
}

// over lays the attributes of one object over those of another.
func over(old, wanted any) any {
	under, ok := old.(map[string]any)
	if !ok {
		return wanted
	}
	all := maps.Clone(under)
	maps.Copy(all, wanted.(map[string]any))
	return all
}

// union keeps the order of what was there.
func union(old, wanted any) []any {
	list, _ := old.([]any)
	list = slices.Clone(list)
	for _, w := range wanted.([]any) {
		if !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	return list
}

// withWork replaces the number of type work, where it stands, by the one that is wanted, or by none.
func withWork(old, wanted any) (all []any) {
	numbers, _ := old.([]any)
	left, _ := wanted.([]any)
	for _, n := range numbers {
		switch entry, _ := n.(map[string]any); {
		case entry["type"] != "work":
			all = append(all, n)
		case len(left) > 0:
			all, left = append(all, over(n, left[0])), nil
		}
	}
	return append(all, left...)
}
