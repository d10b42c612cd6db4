package scimstub

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// kind of resource.
type kind struct {
	name, path, schema string
	// needs is the attribute that must be there; unique are those that no two may share.
	needs  string
	unique []string
}

var (
	userType  = kind{"User", "Users", "urn:ietf:params:scim:schemas:core:2.0:User", "userName", []string{"userName", "externalId"}}
	groupType = kind{"Group", "Groups", "urn:ietf:params:scim:schemas:core:2.0:Group", "displayName", []string{"externalId"}}
)

// attributes of a resource as they came, those that nobody knows too. What is stored is never changed, only replaced.
type attributes = map[string]any

type resource struct {
	id                string
	number, version   int
	created, modified time.Time
	attributes        attributes
}

func (r resource) etag() string { return fmt.Sprintf(`W/"%d"`, r.version) }

// has says whether a user is a member of the group.
func (r resource) has(user string) bool {
	members, _ := r.attributes["members"].([]any)
	return slices.ContainsFunc(members, func(m any) bool {
		member, _ := m.(map[string]any)
		return member["value"] == user
	})
}

// shown is the resource as it is answered.
func (r resource) shown(k kind) attributes {
	all := maps.Clone(r.attributes)
	all["id"] = r.id
	all["meta"] = map[string]any{
		"resourceType": k.name, "location": "/scim/v2/" + k.path + "/" + r.id, "version": r.etag(),
		"created": r.created.UTC().Format(time.RFC3339Nano), "lastModified": r.modified.UTC().Format(time.RFC3339Nano),
	}
	return all
}

// key by which a resource is found; names of users are the same in capitals.
func key(attribute string, value any) string {
	text, _ := value.(string)
	if attribute == "userName" || attribute == "displayName" {
		text = strings.ToLower(text)
	}
	return attribute + "\x00" + text
}

// indexed are the attributes that a filter may name.
var indexed = []string{"userName", "externalId", "displayName"}

func (r resource) keys() (all []string) {
	for _, a := range indexed {
		if text, ok := r.attributes[a].(string); ok && text != "" {
			all = append(all, key(a, text))
		}
	}
	return all
}

// readAttributes takes a resource from a request.
func readAttributes(r *http.Request, k kind) (attributes, error) {
	var a attributes
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil || a == nil {
		return nil, badRequest("invalidSyntax", "the body is no JSON object: %v", err)
	}
	return a, check(a, k)
}

// check is what holds after every change. What only the server may write is taken out.
func check(a attributes, k kind) error {
	delete(a, "id")
	delete(a, "meta")
	if text, ok := a[k.needs].(string); !ok || text == "" {
		return badRequest("invalidValue", "%s is wanted, a text", k.needs)
	}
	return nil
}
