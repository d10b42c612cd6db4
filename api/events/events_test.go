package events

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
)

func TestEveryLineIsWhole(t *testing.T) {
	var planned []string
	for _, p := range topics.Plan() {
		planned = append(planned, p.Name)
	}
	versioned := regexp.MustCompile(`^busyhour(\.[a-z][a-z-]*)+\.v[0-9]+$`)
	seen := map[string]bool{}
	for _, e := range Table() {
		if !versioned.MatchString(e.Type) || seen[e.Type] {
			t.Errorf("type %q does not end in a version, or is there twice", e.Type)
		}
		seen[e.Type] = true
		if len(e.Topics) == 0 || len(e.Producers) == 0 || e.Since == "" || e.Purpose == "" {
			t.Errorf("%s: %+v lacks something", e.Type, e)
		}
		for _, topic := range e.Topics {
			if !slices.Contains(planned, topic) {
				t.Errorf("%s stands in %s, which is not in the plan", e.Type, topic)
			}
		}
		if e.Message != nil && e.Schema != SchemaPrefix+string(e.MessageName()) {
			t.Errorf("%s: schema %s is not that of %s", e.Type, e.Schema, e.MessageName())
		}
		if d := e.Deprecated; d != nil && (d.From.IsZero() || d.Sunset.Before(d.From) || !hasType(d.Successor)) {
			t.Errorf("%s: %+v does not say since when it goes, when it is gone, and what comes instead", e.Type, *d)
		}
	}
}

func hasType(typ string) bool { _, ok := Of(typ); return ok }

func TestEveryKindHasItsType(t *testing.T) {
	each(t, routingv1.ContactEvent_KIND_UNSPECIFIED.Descriptor(), "busyhour.routing.contact.", func(n protoreflect.EnumNumber) string {
		return Contact(routingv1.ContactEvent_Kind(n))
	})
	each(t, presencev1.PresenceEvent_KIND_UNSPECIFIED.Descriptor(), "busyhour.presence.agent.", func(n protoreflect.EnumNumber) string {
		return Agent(presencev1.PresenceEvent_Kind(n))
	})
}

func each(t *testing.T, kinds protoreflect.EnumDescriptor, prefix string, typeOf func(protoreflect.EnumNumber) string) {
	for i := 1; i < kinds.Values().Len(); i++ {
		v := kinds.Values().Get(i)
		word := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(string(v.Name()), "KIND_")), "_", "-")
		if got, want := typeOf(v.Number()), prefix+word+".v1"; got != want || !hasType(want) {
			t.Errorf("type of %s is %q and in the table: %t, want %q", v.Name(), got, hasType(want), want)
		}
	}
}

func TestEveryTopicHasEvents(t *testing.T) {
	for _, p := range topics.Plan() {
		// What could not be read has the type it came with; nobody writes figures yet.
		if strings.Contains(p.Name, ".dead-letter.") || p.Name == topics.QueueStats {
			continue
		}
		if len(In(p.Name)) == 0 {
			t.Errorf("no event stands in %s", p.Name)
		}
	}
}
