package check

import (
	"fmt"
	"math"
	"time"

	"github.com/anishathalye/porcupine"
)

// patience is how long one record may be judged, and budget how long all of a kind.
const (
	patience = 2 * time.Second
	budget   = time.Minute
)

// action is one operation of a history that must be linearizable: what it does to a state, or that it can't be.
type action struct {
	from, to time.Duration // it took place at one moment in between
	text     string
	do       func(state any) (any, bool)
}

const forever = time.Duration(math.MaxInt64)

// model: an operation's input is its action. States are compared by ==.
func model(start any) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return start },
		Step: func(state, input, _ any) (bool, any) {
			next, ok := input.(*action).do(state)
			return ok, next
		},
	}
}

// judge tells whether the actions have an order in which each is possible. If not, why names the first that no order
// reaches. It is not known if that took longer than the patience.
func judge(start any, actions []*action) (verdict porcupine.CheckResult, why string) {
	operations := make([]porcupine.Operation, len(actions))
	for i, a := range actions {
		if a.from > a.to {
			return porcupine.Illegal, fmt.Sprintf("%s can only have happened after %s, and must have happened by %s", a.text, a.from, a.to)
		}
		operations[i] = porcupine.Operation{ClientId: i, Input: a, Call: int64(a.from), Return: int64(a.to)}
	}
	verdict, info := porcupine.CheckOperationsVerbose(model(start), operations, patience)
	if verdict == porcupine.Illegal {
		why = stuck(actions, info)
	}
	return verdict, why
}

// stuck says how far the best order goes, and what must come next and can't.
func stuck(actions []*action, info porcupine.LinearizationInfo) string {
	var best []porcupine.Operation
	for _, partition := range info.PartialLinearizationsOperations() {
		for _, order := range partition {
			if len(order) > len(best) {
				best = order
			}
		}
	}
	done := map[*action]bool{}
	for _, o := range best {
		done[o.Input.(*action)] = true
	}
	var next *action
	for _, a := range actions {
		if !done[a] && (next == nil || a.to < next.to) {
			next = a
		}
	}
	last := "the beginning"
	if len(best) > 0 {
		last = best[len(best)-1].Input.(*action).text
	}
	return fmt.Sprintf("no order fits: after %s, %s is not possible", last, next.text)
}

// judged hands the records of a kind to judge, within the budget.
type judged struct {
	*Result
	until time.Time
}

func judging(r *Result) *judged { return &judged{r, time.Now().Add(budget)} }

func (j *judged) one(tenant, record string, start any, actions []*action) {
	if time.Now().After(j.until) {
		j.Open++
		return
	}
	switch verdict, why := judge(start, actions); verdict {
	case porcupine.Ok:
		j.Judged++
	case porcupine.Illegal:
		j.Judged++
		j.find(tenant, record, "%s", why)
	default:
		j.Open++
	}
}
