package scimstub

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

const (
	maxPage     = 200
	defaultPage = 100
)

// create says the name of what it has created.
func (s *store) create(w http.ResponseWriter, r *http.Request) (name string, ok bool) {
	a, err := readAttributes(r, s.kind)
	if err != nil {
		s.refuse(w, err)
		return "", false
	}
	made, err := s.add(a, time.Now())
	if err != nil {
		s.refuse(w, err)
		return "", false
	}
	s.answer(w, http.StatusCreated, made)
	return a[s.kind.needs].(string), true
}

func (s *store) get(w http.ResponseWriter, r *http.Request) {
	found, err := s.find(r.PathValue("id"))
	if err != nil {
		s.refuse(w, err)
		return
	}
	if known := r.Header.Get("If-None-Match"); known != "" && names(known, found.etag()) {
		w.Header().Set("ETag", found.etag())
		w.WriteHeader(http.StatusNotModified)
		return
	}
	s.answer(w, http.StatusOK, found)
}

func (s *store) put(w http.ResponseWriter, r *http.Request) {
	a, err := readAttributes(r, s.kind)
	if err != nil {
		s.refuse(w, err)
		return
	}
	s.changed(w, r, func(attributes) (attributes, error) { return a, nil })
}

func (s *store) patch(w http.ResponseWriter, r *http.Request) {
	ops, err := readPatch(r)
	if err != nil {
		s.refuse(w, err)
		return
	}
	s.changed(w, r, func(a attributes) (attributes, error) {
		a, err := ops.apply(a)
		if err != nil {
			return a, err
		}
		return a, check(a, s.kind)
	})
}

func (s *store) changed(w http.ResponseWriter, r *http.Request, become func(attributes) (attributes, error)) {
	now, err := s.change(r.PathValue("id"), r.Header.Get("If-Match"), time.Now(), become)
	if err != nil {
		s.refuse(w, err)
		return
	}
	s.answer(w, http.StatusOK, now)
}

func (s *store) remove(w http.ResponseWriter, r *http.Request) {
	if err := s.delete(r.PathValue("id"), r.Header.Get("If-Match")); err != nil {
		s.refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// list answers a page; startIndex counts from 1.
func (s *store) list(w http.ResponseWriter, r *http.Request) {
	f, err := parseFilter(r.FormValue("filter"))
	if err != nil {
		s.refuse(w, err)
		return
	}
	all := s.search(f)
	from := min(max(number(r.FormValue("startIndex"), 1), 1), len(all)+1)
	to := min(from+min(max(number(r.FormValue("count"), defaultPage), 0), maxPage), len(all)+1)
	page := []attributes{}
	for _, found := range all[from-1 : to-1] {
		page = append(page, found.shown(s.kind))
	}
	write(w, http.StatusOK, map[string]any{
		"schemas":      []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"},
		"totalResults": len(all), "startIndex": from, "itemsPerPage": len(page), "Resources": page,
	})
}

func number(text string, or int) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return or
}

func (s *store) answer(w http.ResponseWriter, status int, r resource) {
	all := r.shown(s.kind)
	w.Header().Set("ETag", r.etag())
	w.Header().Set("Location", all["meta"].(map[string]any)["location"].(string))
	write(w, status, all)
}

func (s *store) refuse(w http.ResponseWriter, err error) {
	var p problem
	if !errors.As(err, &p) {
		p = problem{status: http.StatusInternalServerError, detail: err.Error()}
	}
	p.write(w)
}
