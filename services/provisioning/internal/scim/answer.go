package scim

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// rounds of a change, while somebody else changes the resource between our reading and our writing.
const rounds = 3

// answer finds what a request is for.
func (s *Server) answer(ctx context.Context, in *request) (*answer, error) {
	switch {
	case len(in.path) == 0:
		return nil, nowhere(in)
	case strings.EqualFold(in.path[0], "Me"):
		return nil, no(http.StatusNotImplemented, "/Me is nobody here: a token is an identity provider's, not a user's")
	}
	switch in.path[0] {
	case ".search":
		return nil, no(http.StatusNotImplemented, "what is searched are /Users/.search and /Groups/.search, one at a time")
	case userType.path:
		return s.resource(ctx, in, s.users)
	case groupType.path:
		return s.resource(ctx, in, s.groups)
	case "Bulk":
		return s.bulk(ctx, in)
	}
	return s.describe(in)
}

func nowhere(in *request) error {
	return no(http.StatusNotFound, "there is nothing at %q: Users, Groups, Bulk, ServiceProviderConfig, ResourceTypes and Schemas are here",
		short(strings.Join(in.path, "/")))
}

func notAllowed(in *request, allow string) error {
	p := no(http.StatusMethodNotAllowed, "%s is not for %s, only %s", short(in.method), short(strings.Join(in.path, "/")), allow)
	p.allow = allow
	return p
}

func (s *Server) resource(ctx context.Context, in *request, r resources) (*answer, error) {
	switch {
	case len(in.path) > 2:
		return nil, nowhere(in)
	case len(in.path) == 1:
		return s.all(ctx, in, r)
	case in.path[1] == ".search" && in.method == http.MethodPost:
		body, err := in.object()
		if err != nil {
			return nil, err
		}
		values, err := parametersOf(body)
		if err != nil {
			return nil, err
		}
		return s.list(ctx, in.visit, r, values)
	}
	return s.one(ctx, in, r, in.path[1])
}

func (s *Server) all(ctx context.Context, in *request, r resources) (*answer, error) {
	switch in.method {
	case http.MethodGet, http.MethodHead:
		return s.list(ctx, in.visit, r, in.query)
	case http.MethodPost:
		return s.create(ctx, in, r)
	}
	return nil, notAllowed(in, "GET, HEAD, POST")
}

func (s *Server) one(ctx context.Context, in *request, r resources, id string) (*answer, error) {
	switch in.method {
	case http.MethodGet, http.MethodHead:
		return s.get(ctx, in, r, id)
	case http.MethodPut:
		return s.replace(ctx, in, r, id)
	case http.MethodPatch:
		return s.patch(ctx, in, r, id)
	case http.MethodDelete:
		return s.remove(ctx, in, r, id)
	}
	return nil, notAllowed(in, "GET, HEAD, PUT, PATCH, DELETE")
}

// standing is a resource that is there.
func (s *Server) standing(ctx context.Context, v visit, r resources, id string) (*standing, error) {
	all, err := r.read(ctx, v, id)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, missing(r.kind(), id)
	}
	return all[0], nil
}

// shown is the answer with a resource as it stands.
func (s *Server) shown(ctx context.Context, in *request, r resources, id string, status int) (*answer, error) {
	show, err := readProjection(r.kind(), in.query)
	if err != nil {
		return nil, err
	}
	now, err := s.standing(ctx, in.visit, r, id)
	if err != nil {
		return nil, err
	}
	return &answer{status: status, location: in.at.of(r.kind(), id), version: now.version, body: show.of(now.object)}, nil
}

func (s *Server) get(ctx context.Context, in *request, r resources, id string) (*answer, error) {
	a, err := s.shown(ctx, in, r, id, http.StatusOK)
	if err == nil && in.ifNoneMatch != "" && matches(in.ifNoneMatch, a.version) {
		a.status, a.body = http.StatusNotModified, nil
	}
	return a, err
}

func (s *Server) create(ctx context.Context, in *request, r resources) (*answer, error) {
	wanted, err := in.object()
	if err != nil {
		return nil, err
	}
	if err := speaks(wanted, r.kind().core.id); err != nil {
		return nil, err
	}
	if _, err := readProjection(r.kind(), in.query); err != nil {
		return nil, err
	}
	id, err := r.create(ctx, in.visit, wanted)
	if err != nil {
		return nil, err
	}
	return s.shown(ctx, in, r, id, http.StatusCreated)
}

func (s *Server) replace(ctx context.Context, in *request, r resources, id string) (*answer, error) {
	wanted, err := in.object()
	if err != nil {
		return nil, err
	}
	if err := speaks(wanted, r.kind().core.id); err != nil {
		return nil, err
	}
	if other, ok := get(wanted, "id").(string); ok && other != id {
		return nil, bad(mutability, "id is %q and stays so", short(id))
	}
	err = s.modify(ctx, in, r, id, func(now *standing) error { return r.change(ctx, in.visit, now, wanted, false) })
	if err != nil {
		return nil, err
	}
	return s.shown(ctx, in, r, id, http.StatusOK)
}

func (s *Server) patch(ctx context.Context, in *request, r resources, id string) (*answer, error) {
	body, err := in.object()
	if err != nil {
		return nil, err
	}
	operations, err := readPatch(body)
	if err != nil {
		return nil, err
	}
	err = s.modify(ctx, in, r, id, func(now *standing) error {
		wanted, err := r.kind().patch(now.object, operations)
		if err != nil {
			return err
		}
		return r.change(ctx, in.visit, now, wanted, true)
	})
	switch {
	case err != nil:
		return nil, err
	case r.kind() == groupType && in.query.Get("attributes") == "": // it may have thousands of members
		now, err := s.standing(ctx, in.visit, r, id)
		if err != nil {
			return nil, err
		}
		return &answer{status: http.StatusNoContent, location: in.at.of(groupType, id), version: now.version}, nil
	}
	return s.shown(ctx, in, r, id, http.StatusOK)
}

func (s *Server) remove(ctx context.Context, in *request, r resources, id string) (*answer, error) {
	err := s.modify(ctx, in, r, id, func(now *standing) error { return r.remove(ctx, in.visit, now) })
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusNoContent}, nil
}

// modify changes what stands there. Who has named a version is told if it is another by then; for whoever has not, it is
// read and changed again.
func (s *Server) modify(ctx context.Context, in *request, r resources, id string, change func(*standing) error) error {
	for range rounds {
		now, err := s.standing(ctx, in.visit, r, id)
		if err != nil {
			return err
		}
		if in.ifMatch != "" && !matches(in.ifMatch, now.version) {
			return stale(r.kind(), id, now.version)
		}
		if err := change(now); !errors.Is(err, errMoved) {
			return err
		}
	}
	return no(http.StatusServiceUnavailable, "%s %q is changed by others all the time: try again later", r.kind().name, short(id))
}
