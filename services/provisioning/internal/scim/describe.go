package scim

import (
	"net/http"
	"strings"
)

// describe answers what this server can do and what its resources look like (RFC 7643, 5 to 7).
func (s *Server) describe(in *request) (*answer, error) {
	var all []object
	switch in.path[0] {
	case "ServiceProviderConfig":
		if len(in.path) > 1 {
			return nil, nowhere(in)
		}
	case "ResourceTypes":
		all = []object{typeOf(userType, in.at), typeOf(groupType, in.at)}
	case "Schemas":
		all = []object{schemaOf(userCore, in.at), schemaOf(groupCore, in.at), schemaOf(agentPart, in.at)}
	default:
		return nil, nowhere(in)
	}
	switch {
	case in.method != http.MethodGet && in.method != http.MethodHead:
		return nil, notAllowed(in, "GET, HEAD")
	case in.query.Get("filter") != "":
		return nil, no(http.StatusForbidden, "%s is not filtered: read all of it", in.path[0]) // RFC 7644, 4
	case all == nil:
		return &answer{status: http.StatusOK, body: s.abilities(in.at)}, nil
	case len(in.path) == 1:
		resources := make([]any, len(all))
		for i := range all {
			resources[i] = all[i]
		}
		return &answer{status: http.StatusOK, body: object{
			"schemas": []any{listSchema}, "totalResults": len(all), "startIndex": 1, "itemsPerPage": len(all), "Resources": resources,
		}}, nil
	}
	for _, one := range all {
		if len(in.path) == 2 && strings.EqualFold(one["id"].(string), in.path[1]) {
			return &answer{status: http.StatusOK, body: one}, nil
		}
	}
	return nil, nowhere(in)
}

func (s *Server) abilities(at base) object {
	can := func(yes bool) object { return object{"supported": yes} }
	return object{
		"schemas":          []any{configSchema},
		"documentationUri": "https://github.com/busyhour/busyhour/tree/main/services/provisioning",
		"patch":            can(true),
		"bulk":             object{"supported": true, "maxOperations": mostBulk, "maxPayloadSize": longestBody},
		"filter":           object{"supported": true, "maxResults": largestPage},
		"changePassword":   can(false),
		"sort":             can(true),
		"etag":             can(true),
		"authenticationSchemes": []any{object{
			"type": "oauthbearertoken", "name": "Bearer token", "description": "The token of scim.token, as Authorization: Bearer.",
			"specUri": "https://www.rfc-editor.org/info/rfc6750", "primary": true,
		}},
		"meta": object{"resourceType": "ServiceProviderConfig", "location": string(at) + "/ServiceProviderConfig"},
	}
}

func typeOf(t *resourceType, at base) object {
	extensions := []any{}
	for _, e := range t.extensions {
		extensions = append(extensions, object{"schema": e.id, "required": false})
	}
	return object{
		"schemas": []any{typeSchema}, "id": t.name, "name": t.name, "endpoint": "/" + t.path, "description": t.core.doc,
		"schema": t.core.id, "schemaExtensions": extensions,
		"meta": object{"resourceType": "ResourceType", "location": string(at) + "/ResourceTypes/" + t.name},
	}
}

func schemaOf(s schema, at base) object {
	return object{
		"schemas": []any{schemaSchema}, "id": s.id, "name": s.name, "description": s.doc, "attributes": described(s.attributes),
		"meta": object{"resourceType": "Schema", "location": string(at) + "/Schemas/" + s.id},
	}
}

func described(all []attribute) []any {
	list := make([]any, len(all))
	for i := range all {
		list[i] = all[i].described()
	}
	return list
}

func (a *attribute) described() object {
	o := object{
		"name": a.name, "type": a.kind, "multiValued": a.many, "description": a.doc, "required": a.needed, "caseExact": a.exact,
		"mutability": "readWrite", "returned": "default", "uniqueness": "none",
	}
	if a.kind == "" {
		o["type"] = "string"
	}
	switch {
	case a.readOnly:
		o["mutability"] = "readOnly"
	case a.fixed:
		o["mutability"] = "immutable"
	}
	if a.always {
		o["returned"] = "always"
	}
	if a.unique {
		o["uniqueness"] = "server"
	}
	if len(a.values) > 0 {
		o["canonicalValues"] = texts(a.values)
	}
	if len(a.referencesTo) > 0 {
		o["referenceTypes"] = texts(a.referencesTo)
	}
	if len(a.sub) > 0 {
		o["subAttributes"] = described(a.sub)
	}
	return o
}

func texts(all []string) []any {
	list := make([]any, len(all))
	for i, one := range all {
		list[i] = one
	}
	return list
}
