package bulk

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

const (
	userSchema  = "urn:ietf:params:scim:schemas:core:2.0:User"
	agentSchema = "urn:busyhour:params:scim:schemas:extension:agent:1.0:User"
)

// user is a SCIM user as JSON has it. How an agent looks as one is written down here once more, from the README of
// provisioning, so that a mistake there is not made here as well.
type user = map[string]any

func userOf(tenant string, a *provisioningv1.Agent) user {
	u := user{
		"schemas": []any{userSchema}, "userName": a.Id, "externalId": tenant + "/" + a.Id, "displayName": a.Name,
		"name": user{"formatted": a.Name}, "active": !a.Deactivated,
	}
	if a.Address != "" {
		u["phoneNumbers"] = []any{user{"type": "work", "value": a.Address}}
	}
	if e := extensionOf(a); len(e) > 0 {
		u["schemas"], u[agentSchema] = []any{userSchema, agentSchema}, e
	}
	return u
}

func extensionOf(a *provisioningv1.Agent) user {
	e := user{}
	add := func(name string, value any) {
		list, _ := e[name].([]any)
		e[name] = append(list, value)
	}
	for _, s := range a.Skills {
		add("skills", user{"name": s.Name, "level": s.Level})
	}
	for _, q := range a.QueueIds {
		add("queues", q)
	}
	for _, c := range a.Capacity {
		add("capacity", user{"channel": strings.ToLower(strings.TrimPrefix(c.Channel.String(), "CHANNEL_")), "contacts": c.Contacts})
	}
	return e
}

// attributes of a user by their path, without those that are the server's own.
func attributes(u user) map[string]string {
	all := map[string]string{}
	flatten(all, "", u)
	for path := range all {
		if path == "id" || strings.HasPrefix(path, "meta.") {
			delete(all, path)
		}
	}
	return all
}

func flatten(into map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			flatten(into, strings.TrimPrefix(path+"."+name, "."), inner)
		}
	case []any:
		for i, inner := range v {
			flatten(into, fmt.Sprintf("%s[%d]", path, i), inner)
		}
	default:
		text, _ := json.Marshal(v) // texts, numbers and truths
		into[path] = string(text)
	}
}

// differences of a user from what it should be, one an attribute.
func differences(is, should user) (all []string) {
	have, want := attributes(is), attributes(should)
	both := maps.Clone(have)
	maps.Copy(both, want)
	for _, path := range slices.Sorted(maps.Keys(both)) {
		if have[path] != want[path] {
			all = append(all, fmt.Sprintf("%s is %q, should be %q", path, have[path], want[path]))
		}
	}
	return all
}

// sameUsers holds the downstream's users against the agents of the directory, both ways.
func sameUsers(c *Check, tenant string, users []user, agents map[string]*provisioningv1.Agent) {
	seen := map[string]bool{}
	for _, u := range users {
		name, _ := u["userName"].(string)
		a, known := agents[name]
		switch {
		case seen[name]:
			c.find("the downstream has %s twice", name)
		case !known:
			c.find("the downstream has %s, the directory has not", name)
		default:
			for _, d := range differences(u, userOf(tenant, a)) {
				c.find("the downstream's %s: %s", name, d)
			}
		}
		seen[name] = true
	}
	for id := range agents {
		c.Looked++
		if !seen[id] {
			c.find("the directory has %s, the downstream has not", id)
		}
	}
}
