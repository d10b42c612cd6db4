package job

import (
	"cmp"
	"fmt"
	"slices"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

// maxErrors of an import are named; all are counted.
const maxErrors = 1000

// Import is what a file or a stream of items says: an item for each good line, and everything that is wrong with the
// others. Of a stream, the number of an item is its line.
type Import struct {
	Items []*provisioningv1.Item
	// Lines[i] is the line that Items[i] stands on; the heading of a CSV is line 1.
	Lines []int
	// Read counts the lines with an item on them, good or bad.
	Read int
	// Errors are the first thousand.
	Errors []*provisioningv1.LineError
	// Wrong counts all errors.
	Wrong int

	bad   map[int]bool   // lines
	first map[string]int // entity → line
}

// newImport is one that has read nothing.
func newImport() *Import { return &Import{bad: map[int]bool{}, first: map[string]int{}} }

// take takes an item, or says everything that is wrong with it. A line of which something was wrong before is not taken.
func (im *Import) take(line int, it *provisioningv1.Item) {
	for _, p := range checkItem(it) {
		im.wrong(line, p.Field, "%s", p.Text)
	}
	im.unique(line, it)
	if !im.bad[line] {
		im.Items = append(im.Items, it)
		im.Lines = append(im.Lines, line)
	}
}

func (im *Import) unique(line int, it *provisioningv1.Item) {
	id := Key(it)
	if id == "" {
		return
	}
	entity := Entity(it)
	if before, twice := im.first[entity]; twice {
		im.wrong(line, "id", "%q stands on line %d already", directory.Short(id), before)
		return
	}
	im.first[entity] = line
}

func (im *Import) wrong(line int, column, problem string, args ...any) {
	im.bad[line] = true
	im.Wrong++
	if len(im.Errors) == maxErrors {
		return
	}
	if len(args) > 0 {
		problem = fmt.Sprintf(problem, args...)
	}
	im.Errors = append(im.Errors, &provisioningv1.LineError{Line: uint32(line), Column: column, Problem: problem})
}

// stop says why nothing is read behind a line. It is named, however many errors there are.
func (im *Import) stop(line int, problem string, args ...any) {
	im.Errors = im.Errors[:min(len(im.Errors), maxErrors-1)]
	im.wrong(line, "", problem, args...)
}

// RefuseQueues names the lines whose agents are to serve queues that neither exist nor are made by the import.
func (im *Import) RefuseQueues(exists func(id string) bool) {
	unknownQueues(im.Items, exists, func(i int, p directory.Problem) { im.wrong(im.Lines[i], p.Field, "%s", p.Text) })
	slices.SortStableFunc(im.Errors, func(a, b *provisioningv1.LineError) int { return cmp.Compare(a.GetLine(), b.GetLine()) })
}

// Says what becomes of the lines, in words. would is what a dry run has found; nil: it was none, or it only checked.
func (im *Import) Says(dryRun bool, would *provisioningv1.DifferenceCounts) string {
	switch {
	case len(im.bad) > 0:
		return fmt.Sprintf("%d lines are bad, so none of the %d was taken: correct them and send the whole file again", len(im.bad), im.Read)
	case would != nil:
		return fmt.Sprintf("all %d lines are good: %d would be created, %d changed, %d deleted, %d are as they are, %d would be refused; none was taken, for this was a dry run",
			im.Read, would.GetCreate(), would.GetUpdate(), would.GetDelete(), would.GetNothing(), would.GetRefuse())
	case dryRun:
		return fmt.Sprintf("all %d lines are good; none was taken, for this was a dry run", im.Read)
	}
	return fmt.Sprintf("all %d lines were taken", im.Read)
}
