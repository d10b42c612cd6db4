package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/topics"
)

func number(r Revision) string { return strconv.FormatUint(uint64(r), 10) }

// partition is a claim without a broker, and what came of its records.
type partition struct {
	*claim
	handled []string
	letters []string
	fails   int // so often the handler fails
	refuses error
}

func newPartition(topic string, store Store) *partition {
	p := &partition{}
	cfg := Config{
		Store: store, MaxBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler),
		DeadLetter: func(_ context.Context, l Letter) error {
			p.letters = append(p.letters, l.Reason)
			return nil
		},
	}
	handlers := []Handler{
		On(func(_ context.Context, e Event[*routingv1.ContactEvent]) error {
			if p.fails > 0 {
				p.fails--
				return errors.New("the database is away")
			}
			if p.refuses != nil {
				return p.refuses
			}
			text := fmt.Sprint(e.Subject, " ", e.Revision)
			if e.Deleted {
				text += " deleted"
			}
			p.handled = append(p.handled, text)
			return nil
		}),
		On(func(_ context.Context, e Event[*commonv1.Gap]) error {
			p.handled = append(p.handled, "gap of "+e.Data.Tenant)
			return nil
		}),
	}
	p.claim = &claim{Consumer: &Consumer{cfg: cfg, handlers: handlers}, at: Partition{topic, 0}}
	p.recall(context.Background())
	return p
}

func (p *partition) read(t *testing.T, records ...*sarama.ConsumerMessage) {
	t.Helper()
	for _, r := range records {
		if !p.settle(t.Context(), r) {
			t.Fatalf("the record %s is not settled", r.Key)
		}
	}
}

func (p *partition) want(t *testing.T, handled ...string) {
	t.Helper()
	if !slices.Equal(p.handled, handled) {
		t.Errorf("handled %q, want %q", p.handled, handled)
	}
}

func markerOf(topic string, epoch int, tenants string) *sarama.ConsumerMessage {
	return record(topic, "epoch", fmt.Appendf(nil, `{"tenants": [%q], "epoch": %d, "nonce": "x"}`, tenants, epoch), map[string]string{headerType: events.Epoch})
}

func TestRepeatsAreDropped(t *testing.T) {
	p := newPartition(topics.ContactEvents, NewMemory())
	p.read(t, contactEvent("c-1", rev(1, 1), 1), contactEvent("c-1", rev(1, 2), 2), contactEvent("c-2", rev(1, 1), 1),
		contactEvent("c-1", rev(1, 1), 1), contactEvent("c-1", rev(1, 2), 2), contactEvent("c-1", rev(2, 3), 3))
	p.want(t, "contact:c-1 1.1", "contact:c-1 1.2", "contact:c-2 1.1", "contact:c-1 2.3")
}

func TestBehindAMarkerLowerEpochsAreVoid(t *testing.T) {
	store := NewMemory()
	p := newPartition(topics.ContactEvents, store)
	p.read(t, contactEvent("c-1", rev(1, 1), 1), markerOf(topics.ContactEvents, 2, "acme"), contactEvent("c-1", rev(1, 2), 2), contactEvent("c-2", rev(2, 1), 1))
	p.want(t, "contact:c-1 1.1", "contact:c-2 2.1")

	again := newPartition(topics.ContactEvents, store) // the marker is not read again
	again.read(t, contactEvent("c-3", rev(1, 1), 1), markerOf(topics.ContactEvents, 5, "other"), contactEvent("c-1", rev(2, 2), 1))
	again.want(t, "contact:c-1 2.2")
}

func TestMarkersInACompactedTopicVoidNothing(t *testing.T) {
	p := newPartition(topics.ContactState, NewMemory())
	event := contactEvent("c-1", rev(1, 2), 9)
	event.Topic = topics.ContactState
	tombstone := record(topics.ContactState, "c-1", nil, map[string]string{headerTenant: "acme", headerSubject: "contact:c-1", headerRevision: number(rev(1, 2))})
	p.read(t, event, markerOf(topics.ContactState, 2, "acme"), tombstone, tombstone, event)
	p.want(t, "contact:c-1 1.2", "contact:c-1 1.2 deleted")
}

func TestAGapIsHandedOut(t *testing.T) {
	p := newPartition(topics.ContactEvents, NewMemory())
	value, _ := proto.Marshal(&commonv1.Gap{Tenant: "acme", Epoch: 2})
	p.read(t, markerOf(topics.ContactEvents, 2, "acme"), record(topics.ContactEvents, "acme", value, map[string]string{
		headerSpecVersion: "1.0", headerType: "busyhour.routing.gap.v1", headerTime: "2026-11-27T05:00:00Z",
		headerContentType: "application/protobuf", headerTenant: "acme",
	}))
	p.want(t, "gap of acme")
	if len(p.letters) > 0 {
		t.Error(p.letters)
	}
}

func TestOtherTenantsArePassedOver(t *testing.T) {
	p := newPartition(topics.ContactEvents, NewMemory())
	p.cfg.Tenants = []string{"other"}
	p.read(t, contactEvent("c-1", rev(1, 1), 1))
	p.want(t)
}

func TestAFailedHandlerIsCalledAgainAndNothingOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPartition(topics.ContactEvents, NewMemory())
		p.fails = 3
		began := time.Now()
		p.read(t, contactEvent("c-1", rev(1, 1), 1), contactEvent("c-1", rev(1, 2), 1))
		p.want(t, "contact:c-1 1.1", "contact:c-1 1.2")
		if waited := time.Since(began); waited != 1400*time.Millisecond {
			t.Errorf("waited %s, want 200 + 400 + 800 ms", waited)
		}
	})
}

func TestWhatFailsTooOftenIsADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPartition(topics.ContactEvents, NewMemory())
		p.fails, p.cfg.Tries = 100, 4
		p.read(t, contactEvent("c-1", rev(1, 1), 1))
		if want := []string{"HANDLER_FAILED: the database is away"}; !slices.Equal(p.letters, want) || p.fails != 96 {
			t.Errorf("letters %q after %d tries, want %q", p.letters, 100-p.fails, want)
		}
	})
}

func TestWhatIsRefusedIsADeadLetterAtOnceAndTheNextIsHandled(t *testing.T) {
	p := newPartition(topics.ContactEvents, NewMemory())
	p.refuses = Refuse("NOT_FOR_US", "no customer of %s", "ours")
	p.read(t, contactEvent("c-1", rev(1, 1), 1))
	p.refuses = nil
	p.read(t, contactEvent("c-1", rev(1, 2), 1), with(contactEvent("c-1", rev(1, 3), 1), headerType, "no.such.type"))
	p.want(t, "contact:c-1 1.2")
	if len(p.letters) != 2 || p.letters[0] != "NOT_FOR_US: no customer of ours" {
		t.Errorf("letters %q", p.letters)
	}
}

func TestARecordInTroubleIsGivenUpWithItsPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPartition(topics.ContactEvents, NewMemory())
		p.fails = 1 << 30
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if p.settle(ctx, contactEvent("c-1", rev(1, 1), 1)) {
			t.Error("settled, though nobody took it")
		}
		if len(p.letters) > 0 {
			t.Errorf("letters %q", p.letters)
		}
	})
}
