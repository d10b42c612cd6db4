package scim

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

// Directory is the part of flow.Flow that is read here.
type Directory interface {
	// Entries reads entries by the names of their records; nil where there is none.
	Entries(ctx context.Context, tenant string, names ...string) ([]*directory.Entry, error)
	// Page reads up to n entries of an index, leaving out the first skip, and counts all.
	Page(ctx context.Context, tenant, index string, skip, n int) ([]*directory.Entry, int, error)
	// Next reads up to n entries of an index, those after an id; last is the id to go on from, or empty.
	Next(ctx context.Context, tenant, index, after string, n int) (entries []*directory.Entry, last string, err error)
	// Members reads who is in each of some indexes.
	Members(ctx context.Context, tenant string, indexes ...string) ([][]string, error)
}

// resources are users or groups.
type resources interface {
	kind() *resourceType
	// read gives those that there are of some ids.
	read(ctx context.Context, v visit, ids ...string) ([]*standing, error)
	// page gives up to n in the order of their ids, leaving out the first skip, and counts all.
	page(ctx context.Context, v visit, skip, n int) ([]*standing, int, error)
	// next gives up to n in the order of their ids, those after one; last is the id to go on from, or empty.
	next(ctx context.Context, v visit, after string, n int) (all []*standing, last string, err error)
	// candidates are the only ids for which attribute eq text can hold; known is false if that takes looking at all.
	candidates(ctx context.Context, v visit, attribute, text string) (ids []string, known bool, err error)
	create(ctx context.Context, v visit, wanted object) (id string, err error)
	// change makes one wanted of what stands there; whole: what wanted leaves out is to go, whoever asks. errMoved: somebody
	// was first.
	change(ctx context.Context, v visit, s *standing, wanted object, whole bool) error
	remove(ctx context.Context, v visit, s *standing) error
}

// visit is what a request is about.
type visit struct {
	tenant string
	at     base
}

// standing is a resource as it stands in the directory.
type standing struct {
	id, version string
	entry       *directory.Entry
	members     []string // of a group
	object      object
}

// errMoved: the entry has changed since it was read.
var errMoved = errors.New("it was changed meanwhile")

// meta is the server's own part of a resource.
func (s *standing) meta(t *resourceType, at base) {
	s.object["meta"] = object{
		"resourceType": t.name, "location": at.of(t, s.id), "version": s.version,
		"lastModified": s.entry.GetAt().AsTime().UTC().Format(time.RFC3339Nano),
	}
}

// runAll runs items; an error names the first failures.
func runAll(ctx context.Context, r Runner, tenant string, items ...*provisioningv1.Item) (failed *problem, err error) {
	failures, err := r.Run(ctx, tenant, items)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, f := range failures {
		if f != "" {
			texts = append(texts, f)
		}
	}
	if len(texts) == 0 {
		return nil, nil
	}
	const named = 3
	return no(http.StatusBadRequest, "%s", strings.Join(texts[:min(len(texts), named)], "; ")).typed(invalidValue), nil
}

func (p *problem) typed(scimType string) *problem {
	p.scimType = scimType
	return p
}
