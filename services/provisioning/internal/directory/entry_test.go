package directory

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func ann(name string) *Entry {
	return AgentEntry("acme", "hr", &provisioningv1.Agent{Id: "ann", Name: name})
}

func standing(e *Entry) Present {
	return Present{Record: "agent:ann", Epoch: 7, N: 3, Entry: e}
}

func written(e *Entry) *Entry {
	e.At, e.RequestedAt = timestamppb.New(noon), timestamppb.New(noon)
	return e
}

// The table above the moves, as a test: what each makes of nothing, of a live entry and of a deleted one.
func TestMoves(t *testing.T) {
	deleted := written(ann(""))
	deleted.Deleted = true
	states := []Present{standing(nil), standing(written(ann("Ann"))), standing(deleted)}
	moves := map[string]func(Present) (*Entry, error){
		"create":  func(p Present) (*Entry, error) { return Create(p, ann("New"), noon) },
		"replace": func(p Present) (*Entry, error) { return Replace(p, ann("New"), noon) },
		"upsert":  func(p Present) (*Entry, error) { return Upsert(p, ann("New"), noon) },
		"delete":  func(p Present) (*Entry, error) { return Delete(p, NoAgent("acme", "hr", "ann"), noon) },
		"remove":  func(p Present) (*Entry, error) { return Remove(p, NoAgent("acme", "hr", "ann"), noon) },
	}
	for name, want := range map[string][3]string{
		"create":  {"created", "EXISTS", "created"},
		"replace": {"NOT_FOUND", "updated", "NOT_FOUND"},
		"upsert":  {"created", "updated", "created"},
		"delete":  {"NOT_FOUND", "deleted", "NOT_FOUND"},
		"remove":  {"nothing", "deleted", "nothing"},
	} {
		for i, p := range states {
			t.Run(fmt.Sprintf("%s %d", name, i), func(t *testing.T) {
				e, err := moves[name](p)
				if got := told(p, e, err); got != want[i] {
					t.Errorf("got %s, want %s", got, want[i])
				}
			})
		}
	}
}

func told(p Present, e *Entry, err error) string {
	var no *refusal.Refusal
	switch {
	case errors.As(err, &no):
		return no.Reason
	case e == nil:
		return "nothing"
	}
	return Kind(p, e)
}

func TestSecondWriterOfARevisionLoses(t *testing.T) {
	p := standing(written(ann("Ann")))
	for _, seen := range []*commonv1.Revision{nil, {Epoch: 7, N: 3}} {
		if err := Unmoved(p, seen); err != nil {
			t.Errorf("the revision that stands there: %v", err)
		}
	}
	no, _ := refusal.As(Unmoved(p, &commonv1.Revision{Epoch: 7, N: 2}))
	if no == nil || no.Reason != "STALE" || no.Message != "if_revision is 7.2, but it stands at 7.3: somebody changed it meanwhile" {
		t.Errorf("an older revision: %v, want STALE that names both", no)
	}
	if no, _ := refusal.As(Unmoved(Present{Record: "agent:ann"}, &commonv1.Revision{Epoch: 7, N: 2})); no == nil || no.Reason != "NOT_FOUND" {
		t.Errorf("a revision of nobody: %v, want NOT_FOUND", no)
	}
}

func TestTheSameAgainChangesNothing(t *testing.T) {
	if e, err := Upsert(standing(written(ann("Ann"))), ann("Ann"), noon.Add(time.Hour)); e != nil || err != nil {
		t.Errorf("got %v, %v, want nothing", e, err)
	}
}

func TestAnEarlierWishDoesNotOverwriteALaterOne(t *testing.T) {
	late := ann("Late")
	late.RequestedAt = timestamppb.New(noon.Add(-time.Minute))
	_, err := Upsert(standing(written(ann("Ann"))), late, noon.Add(time.Hour))
	if no, _ := refusal.As(err); no == nil || no.Reason != "SUPERSEDED" {
		t.Errorf("got %v, want SUPERSEDED", err)
	}
}

func TestTimeDoesNotRunBackOnAnEntry(t *testing.T) {
	e, err := Upsert(standing(written(ann("Ann"))), ann("Anna"), noon.Add(-time.Second))
	if err != nil || !e.GetAt().AsTime().Equal(noon) {
		t.Errorf("at %v, %v, want %v", e.GetAt().AsTime(), err, noon)
	}
}

func TestADeletedEntryKeepsItsIDOnly(t *testing.T) {
	e, err := Delete(standing(written(ann("Ann"))), NoAgent("acme", "hr", "ann"), noon)
	if err != nil || !e.GetDeleted() || !proto.Equal(e.GetAgent(), &provisioningv1.Agent{Id: "ann"}) {
		t.Errorf("got %v, %v", e, err)
	}
}

func TestDefaultsAreWrittenDown(t *testing.T) {
	a := ann("Ann").GetAgent()
	if len(a.GetCapacity()) != 1 || a.GetCapacity()[0].GetChannel() != commonv1.Channel_CHANNEL_VOICE || a.GetCapacity()[0].GetContacts() != 1 {
		t.Errorf("capacity %v, want one voice call", a.GetCapacity())
	}
	q := QueueEntry("acme", "", &provisioningv1.Queue{Id: "support", WrapUpLimit: durationpb.New(0)}).GetQueue()
	if q.GetOfferTimeout().AsDuration() != OfferTimeout || q.GetMaxWait().AsDuration() != MaxWait ||
		q.GetServiceLevelTarget().AsDuration() != ServiceLevelTarget || q.GetRetryAfter().AsDuration() != RetryAfter {
		t.Errorf("got %v, want the defaults", q)
	}
	if q.GetWrapUpLimit().AsDuration() != 0 {
		t.Errorf("wrap-up limit %v, want the zero that was asked for", q.GetWrapUpLimit().AsDuration())
	}
}

func TestAServedQueueStays(t *testing.T) {
	p := Present{Record: "queue:support", Epoch: 1, N: 1, Entry: QueueEntry("acme", "", &provisioningv1.Queue{Id: "support"})}
	err := RefuseServed(p, 12, []string{"ann", "bob"})
	if no, _ := refusal.As(err); no == nil || no.Reason != "QUEUE_IN_USE" || no.Message != "12 agents serve it: ann, bob and 10 more" {
		t.Errorf("got %v, want QUEUE_IN_USE with names", err)
	}
	if err := RefuseServed(p, 0, nil); err != nil {
		t.Errorf("nobody serves it: %v", err)
	}
}
