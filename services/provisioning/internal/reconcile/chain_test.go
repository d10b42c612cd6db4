package reconcile

import (
	"context"
	"errors"
	"fmt"
	"testing"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/connector"
)

// shelf is a downstream that was looked at before.
type shelf struct {
	unreadable, broken error
	words              []string
	missing            bool
	pages              [][]string // nil: it cannot be listed
}

func (s shelf) Readable() error { return s.unreadable }

func (s shelf) Read(context.Context, string, *provisioningv1.Agent) ([]string, bool, error) {
	return s.words, !s.missing, s.broken
}

func (s shelf) List(_ context.Context, _ string, from int) ([]string, int, error) {
	switch {
	case s.pages == nil:
		return nil, 0, connector.ErrUnlistable
	case from < len(s.pages):
		return s.pages[from-1], from + 1, nil
	}
	return s.pages[from-1], 0, nil
}

func TestAnAgentIsLookedForInEachDownstream(t *testing.T) {
	broken := errors.New("it broke")
	dumb := shelf{unreadable: connector.ErrUnreadable, missing: true}
	for name, tt := range map[string]struct {
		of   chain
		want string
	}{
		"one":           {chain{{"pbx", shelf{words: []string{"a"}}}}, "[a] true <nil>"},
		"several":       {chain{{"pbx", shelf{words: []string{"a"}}}, {"crm", shelf{words: []string{"b"}}}}, "[pbx: a crm: b] true <nil>"},
		"missing there": {chain{{"pbx", shelf{}}, {"crm", shelf{missing: true}}}, "[] false <nil>"},
		"one is dumb":   {chain{{"pbx", dumb}, {"crm", shelf{}}}, "[] true <nil>"},
		"one breaks":    {chain{{"pbx", shelf{}}, {"crm", shelf{broken: broken}}}, "[] false it broke"},
	} {
		words, found, err := tt.of.Read(t.Context(), "acme", nil)
		if got := fmt.Sprint(words, found, err); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	if err := (chain{{"pbx", dumb}}).Readable(); !errors.Is(err, connector.ErrUnreadable) {
		t.Errorf("all are dumb: %v", err)
	}
	if err := (chain{{"pbx", dumb}, {"crm", shelf{}}}).Readable(); err != nil {
		t.Errorf("one can be read: %v", err)
	}
	if err := (chain{}).Readable(); !errors.Is(err, connector.ErrNoDownstream) {
		t.Errorf("there is none: %v", err)
	}
}

func TestDownstreamsAreListedOneAfterTheOther(t *testing.T) {
	c := chain{{"pbx", shelf{pages: [][]string{{"ann"}, {"bob"}}}}, {"mail", shelf{}}, {"crm", shelf{pages: [][]string{{"eve"}}}}}
	var all []string
	for from := 1; from != 0; {
		ids, next, err := c.List(t.Context(), "acme", from)
		if err != nil {
			t.Fatal(err)
		}
		all, from = append(all, ids...), next
	}
	if fmt.Sprint(all) != "[ann bob eve]" {
		t.Errorf("listed %v", all)
	}
	if _, _, err := (chain{{"mail", shelf{}}}).List(t.Context(), "acme", 1); !errors.Is(err, connector.ErrUnlistable) {
		t.Errorf("one that cannot be listed: %v", err)
	}
}
