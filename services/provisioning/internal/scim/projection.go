package scim

import (
	"maps"
	"net/url"
	"strings"
)

// projection says which attributes an answer has (RFC 7644, 3.9): those named, or all but those named. id and schemas are
// always there.
type projection struct {
	only   bool
	places []place
}

// readProjection takes it from the parameters. Names that nobody knows choose nothing.
func readProjection(t *resourceType, values url.Values) (projection, error) {
	named, excluded := values.Get("attributes"), values.Get("excludedAttributes")
	if named != "" && excluded != "" {
		return projection{}, bad(invalidValue, "attributes and excludedAttributes: name one of them")
	}
	p := projection{only: named != ""}
	for name := range strings.SplitSeq(named+excluded, ",") {
		name = strings.TrimSpace(name)
		if strings.EqualFold(name, t.core.id) {
			for i := range t.core.attributes {
				p.places = append(p.places, place{attribute: &t.core.attributes[i]})
			}
		} else if at := t.lookUp(name); at.known() {
			p.places = append(p.places, at)
		}
	}
	return p, nil
}

// of is what is shown of a resource.
func (p projection) of(o object) object {
	switch {
	case p.only:
		return p.chosen(o)
	case len(p.places) == 0:
		return o
	}
	return p.rest(o)
}

func (p projection) chosen(o object) object {
	shown := object{"schemas": o["schemas"], "id": o["id"]}
	for _, at := range p.places {
		from, to := o, shown
		if at.extension != "" {
			if from, _ = o[at.extension].(object); from == nil {
				continue
			}
			if at.whole {
				shown[at.extension] = from
				continue
			}
			if to, _ = shown[at.extension].(object); to == nil {
				to = object{}
				shown[at.extension] = to
			}
		}
		value, there := from[at.attribute.name]
		if !there {
			continue
		}
		if at.sub != nil {
			value = onlySub(to[at.attribute.name], value, at.sub.name)
		}
		to[at.attribute.name] = value
	}
	return shown
}

// onlySub adds a sub-attribute to what is shown of a value already.
func onlySub(shown, value any, sub string) any {
	switch v := value.(type) {
	case object:
		under, _ := shown.(object)
		to := object{}
		maps.Copy(to, under)
		if has(v, sub) {
			to[sub] = get(v, sub)
		}
		return to
	case []any:
		before, _ := shown.([]any)
		all := make([]any, len(v))
		for i := range v {
			var under any
			if i < len(before) {
				under = before[i]
			}
			all[i] = onlySub(under, v[i], sub)
		}
		return all
	}
	return value
}

func (p projection) rest(o object) object {
	shown := maps.Clone(o)
	for _, at := range p.places {
		switch {
		case at.whole:
			delete(shown, at.extension)
			continue
		case at.attribute.always:
			continue
		}
		in := shown
		if at.extension != "" {
			e, _ := shown[at.extension].(object)
			if e == nil {
				continue
			}
			in = maps.Clone(e)
			shown[at.extension] = in
		}
		if at.sub == nil {
			delete(in, at.attribute.name)
		} else if value, there := in[at.attribute.name]; there {
			in[at.attribute.name] = withoutSub(value, at.sub.name)
		}
	}
	return shown
}

func withoutSub(value any, sub string) any {
	switch v := value.(type) {
	case object:
		left := maps.Clone(v)
		remove(left, sub)
		return left
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = withoutSub(v[i], sub)
		}
		return all
	}
	return value
}
