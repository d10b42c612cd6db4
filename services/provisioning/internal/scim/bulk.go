package scim

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/edge"
)

const (
	bulkRequest  = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	bulkResponse = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
	// mostBulk operations of a bulk request: each waits for its job.
	mostBulk = 100
	// bulkTime is how long a bulk request may take; what has not begun by then is told to come again.
	bulkTime = 45 * time.Second
	bulkRef  = "bulkId:"
)

// bulkOperation is one of a bulk request.
type bulkOperation struct {
	method, path, bulkID, version string
	data                          any
	needs                         []string // bulkIds that it names
	result                        object   // nil: not done yet
}

// bulk carries out several requests. One that names another's bulkId comes after it, wherever it stands.
func (s *Server) bulk(ctx context.Context, in *request) (*answer, error) {
	if len(in.path) > 1 {
		return nil, nowhere(in)
	}
	if in.method != http.MethodPost {
		return nil, notAllowed(in, "POST")
	}
	body, err := in.object()
	if err != nil {
		return nil, err
	}
	operations, failOn, err := readBulk(body)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, bulkTime)
	defer cancel()
	s.carryOut(ctx, in, operations, failOn)
	results := []any{}
	for _, op := range operations {
		if op.result != nil {
			results = append(results, op.result)
		}
	}
	return &answer{status: http.StatusOK, body: object{"schemas": []any{bulkResponse}, "Operations": results}}, nil
}

func readBulk(body object) (operations []*bulkOperation, failOn int, err error) {
	if err := speaks(body, bulkRequest); err != nil {
		return nil, 0, err
	}
	all, ok := get(body, "Operations").([]any)
	if !ok || len(all) == 0 {
		return nil, 0, bad(invalidSyntax, "Operations is missing: a list of requests is expected")
	}
	if len(all) > mostBulk {
		return nil, 0, no(http.StatusRequestEntityTooLarge, "%d operations, at most %d are taken: send several requests", len(all), mostBulk)
	}
	if n, ok := number(get(body, "failOnErrors")); ok {
		failOn = int(n)
	} else if has(body, "failOnErrors") {
		return nil, 0, bad(invalidValue, "failOnErrors is no number")
	}
	seen := map[string]bool{}
	for i, one := range all {
		o, ok := one.(object)
		if !ok {
			return nil, 0, bad(invalidSyntax, "operation %d is no object", i+1)
		}
		op := readBulkOperation(o)
		if op.bulkID != "" && seen[op.bulkID] {
			return nil, 0, bad(invalidValue, "bulkId %q is there twice", short(op.bulkID))
		}
		seen[op.bulkID] = true
		operations = append(operations, op)
	}
	return operations, failOn, nil
}

func readBulkOperation(o object) *bulkOperation {
	text := func(name string) string {
		t, _ := get(o, name).(string)
		return t
	}
	op := &bulkOperation{
		method: strings.ToUpper(text("method")), path: text("path"), bulkID: text("bulkId"), version: text("version"), data: get(o, "data"),
	}
	op.needs = references(op.path, references(op.data, nil))
	return op
}

// references finds the bulkIds that a value names.
func references(value any, found []string) []string {
	switch v := value.(type) {
	case string:
		if i := strings.Index(v, bulkRef); i == 0 || i > 0 && strings.HasPrefix(v, "/") {
			found = append(found, v[i+len(bulkRef):])
		}
	case object:
		for _, sub := range v {
			found = references(sub, found)
		}
	case []any:
		for _, sub := range v {
			found = references(sub, found)
		}
	}
	return found
}

// carryOut does what can be done, again and again until nothing more can, or too much has failed.
func (s *Server) carryOut(ctx context.Context, in *request, operations []*bulkOperation, failOn int) {
	ids := map[string]string{}
	errs := 0
	do := func(op *bulkOperation) (goOn bool) {
		status := s.carryOutOne(ctx, in, op, ids)
		if status >= http.StatusBadRequest {
			errs++
		}
		return failOn <= 0 || errs < failOn
	}
	for progress := true; progress; {
		progress = false
		for _, op := range operations {
			if op.result != nil || !resolved(op, ids) {
				continue
			}
			progress = true
			if !do(op) {
				return
			}
		}
	}
	for _, op := range operations { // what they name has failed, or is not there, or they name each other
		if op.result == nil && !do(op) {
			return
		}
	}
}

func resolved(op *bulkOperation, ids map[string]string) bool {
	for _, need := range op.needs {
		if ids[need] == "" {
			return false
		}
	}
	return true
}

func (s *Server) carryOutOne(ctx context.Context, in *request, op *bulkOperation, ids map[string]string) (status int) {
	a, err := s.within(ctx, in, op, ids)
	if err != nil {
		p := problemOf(err)
		if p.status == http.StatusInternalServerError {
			edge.Log(ctx, s.log).Error("request failed", zap.String("path", op.path), zap.Error(err))
		}
		a = failed(p)
	}
	s.metrics.request(op.method, a.status)
	op.result = object{"method": op.method, "status": strconv.Itoa(a.status)}
	for name, value := range map[string]string{"bulkId": op.bulkID, "location": a.location, "version": a.version} {
		if value != "" {
			op.result[name] = value
		}
	}
	if a.status >= http.StatusBadRequest {
		op.result["response"] = a.body
	} else if id, ok := a.body["id"].(string); ok && op.bulkID != "" {
		ids[op.bulkID] = id
	}
	return a.status
}

// within is one operation as a request of its own.
func (s *Server) within(ctx context.Context, in *request, op *bulkOperation, ids map[string]string) (*answer, error) {
	switch op.method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return nil, bad(invalidSyntax, "method %q is none of POST, PUT, PATCH, DELETE", short(op.method))
	}
	if op.method == http.MethodPost && op.bulkID == "" {
		return nil, bad(invalidValue, "bulkId is missing: a POST needs one, to be told apart")
	}
	for _, need := range op.needs {
		if ids[need] == "" {
			return nil, no(http.StatusConflict, "%s%s was not created, or waits for this one", bulkRef, short(need))
		}
	}
	if ctx.Err() != nil {
		return nil, no(http.StatusServiceUnavailable, "there was no time left for this one: send it again")
	}
	path, query, _ := strings.Cut(substituted(op.path, ids).(string), "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, bad(invalidPath, "%q is no path", short(op.path))
	}
	body, err := json.Marshal(substituted(op.data, ids))
	if err != nil {
		return nil, err
	}
	one := &request{visit: in.visit, method: op.method, query: values, body: body, ifMatch: op.version}
	for segment := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		text, err := url.PathUnescape(segment)
		if err != nil {
			return nil, bad(invalidPath, "%q is no path", short(op.path))
		}
		one.path = append(one.path, text)
	}
	if one.path[0] == "Bulk" {
		return nil, bad(invalidPath, "a bulk request holds no other")
	}
	return s.answer(ctx, one)
}

// substituted has the ids of what was created in the place of bulkIds.
func substituted(value any, ids map[string]string) any {
	switch v := value.(type) {
	case string:
		if i := strings.Index(v, bulkRef); i == 0 || i > 0 && strings.HasPrefix(v, "/") {
			if id := ids[v[i+len(bulkRef):]]; id != "" && i == 0 {
				return id
			} else if id != "" {
				return v[:i] + url.PathEscape(id)
			}
		}
	case object:
		all := make(object, len(v))
		for name, sub := range v {
			all[name] = substituted(sub, ids)
		}
		return all
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = substituted(v[i], ids)
		}
		return all
	}
	return value
}
