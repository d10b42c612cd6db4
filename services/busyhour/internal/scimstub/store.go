package scimstub

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// store keeps the resources of one kind.
type store struct {
	kind kind
	lax  bool

	mu     sync.Mutex
	number int
	byID   map[string]resource
	byKey  map[string][]string // ids
}

func newStore(k kind, lax bool) *store {
	return &store{kind: k, lax: lax, byID: map[string]resource{}, byKey: map[string][]string{}}
}

func (s *store) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}

// add takes a resource in, if nobody else has its names.
func (s *store) add(a attributes, now time.Time) (resource, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	r := resource{
		id: fmt.Sprintf("%s-%d", strings.ToLower(s.kind.name), s.number), number: s.number, version: 1,
		created: now, modified: now, attributes: a,
	}
	return r, s.set(r)
}

// change replaces a resource by what becomes of it, if it is still the version that the caller has seen.
func (s *store) change(id, match string, now time.Time, become func(attributes) (attributes, error)) (resource, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.matching(id, match)
	if err != nil {
		return r, err
	}
	if r.attributes, err = become(r.attributes); err != nil {
		return r, err
	}
	r.version, r.modified = r.version+1, now
	return r, s.set(r)
}

func (s *store) delete(id, match string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.matching(id, match)
	if err == nil {
		s.unset(r)
	}
	return err
}

func (s *store) find(id string) (resource, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.matching(id, "")
}

// matching is called under the lock, as are set and unset.
func (s *store) matching(id, match string) (resource, error) {
	r, ok := s.byID[id]
	if !ok {
		return r, problem{status: http.StatusNotFound, detail: fmt.Sprintf("there is no %s %s", s.kind.name, id)}
	}
	if match != "" && !names(match, r.etag()) {
		return r, problem{status: http.StatusPreconditionFailed, detail: fmt.Sprintf("%s %s is %s by now, not %s", s.kind.name, id, r.etag(), match)}
	}
	return r, nil
}

func (s *store) set(r resource) error {
	for _, a := range s.kind.unique {
		text, _ := r.attributes[a].(string)
		others := slices.DeleteFunc(slices.Clone(s.byKey[key(a, text)]), func(id string) bool { return id == r.id })
		if text != "" && len(others) > 0 && !s.lax {
			return problem{http.StatusConflict, "uniqueness", fmt.Sprintf("%s %q is that of %s", a, text, others[0])}
		}
	}
	if old, ok := s.byID[r.id]; ok {
		s.unset(old)
	}
	s.byID[r.id] = r
	for _, k := range r.keys() {
		s.byKey[k] = append(s.byKey[k], r.id)
	}
	return nil
}

func (s *store) unset(r resource) {
	delete(s.byID, r.id)
	for _, k := range r.keys() {
		if s.byKey[k] = slices.DeleteFunc(s.byKey[k], func(id string) bool { return id == r.id }); len(s.byKey[k]) == 0 {
			delete(s.byKey, k)
		}
	}
}

// search lists what the filter lets through, in the order of creation.
func (s *store) search(f filter) (all []resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case f.attribute == "":
		all = slices.Collect(maps.Values(s.byID))
	case f.attribute == "id":
		if r, ok := s.byID[f.value]; ok {
			all = append(all, r)
		}
	case f.attribute == memberValue:
		all = slices.DeleteFunc(slices.Collect(maps.Values(s.byID)), func(r resource) bool { return !r.has(f.value) })
	default:
		for _, id := range s.byKey[key(f.attribute, f.value)] {
			all = append(all, s.byID[id])
		}
	}
	slices.SortFunc(all, func(a, b resource) int { return cmp.Compare(a.number, b.number) })
	return all
}

// names says whether a header's list of versions has this one.
func names(list, etag string) bool {
	for v := range strings.SplitSeq(list, ",") {
		if v = strings.TrimSpace(v); v == "*" || strings.TrimPrefix(v, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}
