package connector

import (
	"maps"
	"slices"
)

const (
	patchSchema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	workNumber  = `phoneNumbers[type eq "work"]`
)

// differences of a user from what is wanted of it. The schemas follow from its attributes.
func (u user) differences(wanted user) (all []difference) {
	for _, name := range []string{"userName", "externalId", "displayName", "active"} {
		all = differ(all, name, u[name], wanted[name])
	}
	all = differ(all, "name.formatted", inside(u["name"], "formatted"), inside(wanted["name"], "formatted"))
	switch there, should := work(u["phoneNumbers"]), work(wanted["phoneNumbers"]); {
	case len(there) > 1:
		all = differ(all, "phoneNumbers", u["phoneNumbers"], u.with(wanted)["phoneNumbers"])
	case len(should) == 0 && len(there) == 1:
		all = append(all, difference{path: workNumber, is: there[0]})
	case len(should) == 1 && len(there) == 0:
		all = append(all, difference{path: workNumber, should: should[0]})
	case len(should) == 1:
		all = differ(all, workNumber+".value", inside(there[0], "value"), inside(should[0], "value"))
	}
	there, _ := u[agentSchema].(map[string]any)
	should, _ := wanted[agentSchema].(map[string]any)
	both := maps.Clone(should)
	if both == nil {
		both = map[string]any{}
	}
	maps.Copy(both, there)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		all = differ(all, agentSchema+":"+name, there[name], should[name])
	}
	return all
}

func inside(object any, name string) any {
	o, _ := object.(map[string]any)
	return o[name]
}

// work are the numbers of type work.
func work(numbers any) (all []any) {
	list, _ := numbers.([]any)
	for _, n := range list {
		if inside(n, "type") == "work" {
			all = append(all, n)
		}
	}
	return all
}

// patch makes a user as it should be, and leaves alone what is others'.
func patch(all []difference) map[string]any {
	operations := make([]any, len(all))
	for i, d := range all {
		operations[i] = d.operation()
	}
	return patchOf(operations)
}

func patchOf(operations []any) map[string]any {
	return map[string]any{"schemas": []string{patchSchema}, "Operations": operations}
}

func (d difference) operation() map[string]any {
	switch {
	case d.should == nil:
		return map[string]any{"op": "remove", "path": d.path}
	case d.path == workNumber: // no entry that could be replaced
		return map[string]any{"op": "add", "path": "phoneNumbers", "value": []any{d.should}}
	}
	return map[string]any{"op": "replace", "path": d.path, "value": d.should}
}
