package scim

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	listSchema   = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	searchSchema = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	// usualPage is what a list has if nobody says how much, largestPage what it has at most.
	usualPage, largestPage = 100, 200
	// scanned are read at once where all must be looked at.
	scanned = 1000
)

// query is what a list is asked for.
type query struct {
	filter        filter
	sortBy        place
	descending    bool
	startIndex, n int
	show          projection
}

// readQuery takes it from the parameters of a GET.
func readQuery(t *resourceType, values url.Values) (q query, err error) {
	if text := values.Get("filter"); text != "" {
		if q.filter, err = t.parseFilter(text); err != nil {
			return q, err
		}
	}
	if text := values.Get("sortBy"); text != "" {
		if q.sortBy = t.lookUp(text); q.sortBy.attribute == nil {
			return q, bad(invalidPath, "sortBy: %q is no attribute of a %s", short(text), t.name)
		}
	}
	switch order := strings.ToLower(values.Get("sortOrder")); order {
	case "", "ascending":
	case "descending":
		q.descending = true
	default:
		return q, bad(invalidValue, "sortOrder: %q is neither ascending nor descending", short(order))
	}
	if q.startIndex, err = whole(values, "startIndex", 1); err != nil {
		return q, err
	}
	if q.n, err = whole(values, "count", usualPage); err != nil {
		return q, err
	}
	q.startIndex, q.n = max(q.startIndex, 1), min(max(q.n, 0), largestPage)
	q.show, err = readProjection(t, values)
	return q, err
}

func whole(values url.Values, name string, otherwise int) (int, error) {
	text := values.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, bad(invalidValue, "%s: %q is no whole number", name, short(text))
	}
	return int(n), nil
}

// parametersOf are those of a search, which has them in its body.
func parametersOf(body object) (url.Values, error) {
	if err := speaks(body, searchSchema); err != nil {
		return nil, err
	}
	values := url.Values{}
	for _, name := range []string{"filter", "sortBy", "sortOrder", "startIndex", "count", "attributes", "excludedAttributes"} {
		var texts []string
		for _, v := range list(get(body, name)) {
			text, ok := v.(string)
			if n, isNumber := number(v); isNumber {
				text, ok = strconv.FormatFloat(n, 'f', -1, 64), true
			}
			if !ok {
				return nil, bad(invalidValue, "%s: neither a text nor a number", name)
			}
			texts = append(texts, text)
		}
		if len(texts) > 0 {
			values.Set(name, strings.Join(texts, ","))
		}
	}
	return values, nil
}

// list answers a query.
func (s *Server) list(ctx context.Context, v visit, r resources, values url.Values) (*answer, error) {
	q, err := readQuery(r.kind(), values)
	if err != nil {
		return nil, err
	}
	page, total, err := s.page(ctx, v, r, q)
	if err != nil {
		return nil, err
	}
	shown := make([]any, len(page))
	for i, one := range page {
		shown[i] = q.show.of(one.object)
	}
	return &answer{status: http.StatusOK, body: object{
		"schemas": []any{listSchema}, "totalResults": total, "startIndex": q.startIndex, "itemsPerPage": len(shown), "Resources": shown,
	}}, nil
}

func (s *Server) page(ctx context.Context, v visit, r resources, q query) ([]*standing, int, error) {
	skip := q.startIndex - 1
	if q.filter == nil && q.sortBy.attribute == nil {
		return r.page(ctx, v, skip, q.n)
	}
	all, err := s.found(ctx, v, r, q.filter)
	if err != nil {
		return nil, 0, err
	}
	q.sort(all)
	return all[min(skip, len(all)):min(skip+q.n, len(all))], len(all), nil
}

// found are all resources that a filter lets through. What it says must be equal is looked up, where that can be done.
func (s *Server) found(ctx context.Context, v visit, r resources, f filter) ([]*standing, error) {
	for _, c := range equalities(f) {
		text, ok := c.want.(string)
		if !ok || c.name == "" {
			continue
		}
		ids, known, err := r.candidates(ctx, v, c.name, text)
		if err != nil {
			return nil, err
		}
		if known {
			return readMatching(ctx, v, r, f, ids)
		}
	}
	return scan(ctx, v, r, f)
}

func readMatching(ctx context.Context, v visit, r resources, f filter, ids []string) ([]*standing, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	all, err := r.read(ctx, v, ids...)
	return matching(all, f), err
}

// scan looks at everything.
func scan(ctx context.Context, v visit, r resources, f filter) (all []*standing, err error) {
	for after := ""; ; {
		page, last, err := r.next(ctx, v, after, scanned)
		if err != nil {
			return nil, err
		}
		all = append(all, matching(page, f)...)
		if last == "" {
			return all, nil
		}
		after = last
	}
}

func matching(all []*standing, f filter) []*standing {
	if f == nil {
		return all
	}
	return slices.DeleteFunc(all, func(s *standing) bool { return !f.match(s.object) })
}

// sort puts those without the attribute last, and first if it is the other way round (RFC 7644, 3.4.2.3).
func (q query) sort(all []*standing) {
	if q.sortBy.attribute == nil {
		return
	}
	first := func(s *standing) any {
		for _, v := range q.sortBy.in(s.object) {
			return v
		}
		return nil
	}
	slices.SortStableFunc(all, func(a, b *standing) int {
		c := q.sortBy.leaf().order(first(a), first(b))
		if q.descending {
			return -c
		}
		return c
	})
}

func (a *attribute) order(x, y any) int {
	switch {
	case x == nil || y == nil:
		return cmp.Compare(rank(x), rank(y))
	case a.kind == "boolean":
		return cmp.Compare(rank(x == false), rank(y == false))
	}
	n, isNumber := number(x)
	m, _ := number(y)
	if isNumber {
		return cmp.Compare(n, m)
	}
	s, _ := x.(string)
	t, _ := y.(string)
	if !a.exact {
		s, t = strings.ToLower(s), strings.ToLower(t)
	}
	return cmp.Compare(s, t)
}

// rank puts nothing after something, and false before true.
func rank(v any) int {
	if v == nil || v == false {
		return 1
	}
	return 0
}
