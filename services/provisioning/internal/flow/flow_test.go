package flow

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/timestamppb"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/pkg/refusal"
	"github.com/busyhour/busyhour/services/provisioning/internal/job"
	"github.com/busyhour/busyhour/services/provisioning/internal/push"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

const tenant = "acme"

// bench is a flow on embedded servers, whose requests go to a log that can break.
type bench struct {
	*testing.T
	*Flow
	log *brittle
}

// brittle is a log that takes only so many messages.
type brittle struct {
	takes int
	taken []eventlog.Message
}

func (b *brittle) Send(_ context.Context, messages ...eventlog.Message) error {
	n := min(len(messages), b.takes)
	b.taken = append(b.taken, messages[:n]...)
	b.takes -= n
	if n < len(messages) {
		return errors.New("the connection broke")
	}
	return nil
}

type nobody struct{}

func (nobody) Publish(context.Context, string, []byte) error { return nil }

func newBench(t *testing.T) *bench {
	t.Helper()
	kafka, err := embedded.StartKafka("", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	server, err := embedded.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	cfg := eventlog.Config{Brokers: []string{kafka.Addr}, ClientID: t.Name()}
	plan := []eventlog.TopicSpec{{Name: topics.DirectoryEvents, Partitions: 1}, {Name: topics.Outcomes, Partitions: 1}, {Name: topics.ProvisioningEpochs, Partitions: 1}}
	if _, err := eventlog.Ensure(t.Context(), cfg, plan, 1); err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, log: &brittle{takes: 1 << 20}}
	store := b.open(cfg, server.Addr)
	b.Flow = New(store, push.New(nobody{}, zap.NewNop()), b.log, 1000, prometheus.NewRegistry())
	return b
}

// open opens a store as a pod would.
func (b *bench) open(cfg eventlog.Config, addr string) *commit.Store {
	b.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	b.Cleanup(func() { rdb.Close() })
	producer, err := eventlog.NewProducer(cfg)
	if err != nil {
		b.Fatal(err)
	}
	epochs, err := eventlog.OpenEpochLog(cfg, topics.ProvisioningEpochs)
	if err != nil {
		b.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	store, err := commit.Open(commit.Config{Redis: rdb, Service: state.Service, Tenants: []string{tenant}, Log: producer, Epochs: epochs, Logger: zap.NewNop(), Registry: reg})
	if err != nil {
		b.Fatal(err)
	}
	recovery := rebuild.New(rebuild.Config{
		Store: store, Epochs: epochs, Kafka: cfg, Producer: producer, Pod: "a", Logger: zap.NewNop(), Registry: reg,
		Source: rebuild.Source{
			Topics: []rebuild.Topic{{Events: topics.DirectoryEvents}, {Events: topics.Outcomes}},
			Value:  func(m eventlog.Message) ([]byte, error) { return m.Value, nil },
			Derive: func(*rebuild.Build) error { return nil },
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- boot.RunParts(ctx, zap.NewNop(), boot.Part{Name: "epochs", Run: epochs.Run},
			boot.Part{Name: "store", Run: store.Run}, boot.Part{Name: "recovery", Run: recovery.Run})
	}()
	b.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, producer.Close()); err != nil {
			b.Error(err)
		}
	})
	for late := time.After(30 * time.Second); ; {
		changed := store.Changed(tenant)
		if _, open := store.Verified(tenant); open {
			return store
		}
		select {
		case <-changed:
		case <-late:
			b.Fatal("the tenant did not open")
		}
	}
}

func (b *bench) items(ids ...string) (items []*provisioningv1.Item) {
	for _, id := range ids {
		items = append(items, &provisioningv1.Item{Kind: provisioningv1.Item_KIND_UPSERT_AGENT, Agent: &provisioningv1.Agent{Id: id, Name: id}})
	}
	return items
}

func (b *bench) count(id string) *provisioningv1.Job {
	b.Helper()
	j, _, err := b.GetJob(b.Context(), tenant, id)
	if err != nil {
		b.Fatal(err)
	}
	return j
}

func TestABrokenOffCallGoesOnWhenItIsRepeated(t *testing.T) {
	b := newBench(t)
	b.log.takes = 2
	order := job.Order{Tenant: tenant, RequestID: "r-1", Items: b.items("ann", "bob", "eve")}
	_, err := b.CreateJob(t.Context(), order)
	if no, _ := refusal.As(err); no == nil || no.Reason != "BROKEN_OFF" || no.Code != refusal.Unavailable {
		t.Fatalf("broken off: %v", err)
	}
	b.log.takes = 100
	j, err := b.CreateJob(t.Context(), order)
	if err != nil || j.GetAcceptedAt() == nil || j.GetId() != job.ID(tenant, "r-1") {
		t.Fatalf("repeated: %v, %v", j, err)
	}
	sent := len(b.log.taken)
	if again, err := b.CreateJob(t.Context(), order); err != nil || again.GetId() != j.GetId() || len(b.log.taken) != sent {
		t.Errorf("once more: %v, %v, %d requests sent", again, err, len(b.log.taken)-sent)
	}
	requests := map[string]bool{}
	for _, m := range b.log.taken {
		requests[m.Header(eventlog.HeaderID)] = true
	}
	if len(requests) != 3 {
		t.Errorf("sent %v, want three different requests, however often", requests)
	}
}

func TestNothingOfABrokenOffJobStaysPending(t *testing.T) {
	b := newBench(t)
	created := time.Now().Add(-job.Broken - time.Second)
	order := job.Order{Tenant: tenant, RequestID: "r-1", Items: b.items("ann", "bob", "eve")}
	j, err := job.Create(nil, order, created)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.store.Do(t.Context(), tenant, "", func(ctx context.Context, tx *commit.Tx) error {
		r := tx.Record(state.Job(j.GetId()))
		if err := tx.Fetch(ctx); err != nil {
			return err
		}
		return state.PutJob(tx, r, j, "created")
	})
	if err != nil {
		t.Fatal(err)
	}
	came := job.Requests(j, order.Items)[:1]
	if _, err := b.Take(t.Context(), tenant, came); err != nil {
		t.Fatal(err)
	}
	b.sweep()
	if c := b.count(j.GetId()); c.GetFailed() != 2 || c.GetPending() != 1 {
		t.Errorf("swept: %v, want the two that never came to have failed", c)
	}
	late := job.Requests(j, order.Items)[1:2]
	if taken, err := b.Take(t.Context(), tenant, late); err != nil || len(taken.Items) != 0 {
		t.Errorf("came after all: %v, %v: it has ended", taken, err)
	}
	b.sweep()
	if due, err := b.store.Claim(t.Context(), tenant, 10); err != nil || len(due) != 0 {
		t.Errorf("still due: %v, %v", due, err)
	}
}

// sweep moves what is due, until nothing is.
func (b *bench) sweep() {
	b.Helper()
	for range 2 {
		if err := b.JobDue(b.Context(), tenant, job.ID(tenant, "r-1"), "sweep", nil); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAnItemIsForgottenOnlyWhenItsTimeHasCome(t *testing.T) {
	b := newBench(t)
	r := &provisioningv1.Request{Tenant: tenant, JobId: "j", Number: 1, Item: b.items("ann")[0], RequestedAt: timestamppb.Now()}
	if _, err := b.Take(t.Context(), tenant, []*provisioningv1.Request{r, r}); err != nil {
		t.Fatal(err)
	}
	taken, err := b.ItemDue(t.Context(), tenant, state.ItemOf(r), "due-1")
	if err != nil || len(taken.Items) != 1 {
		t.Errorf("a pending one: %v, %v, want it queued", taken, err)
	}
	if _, err := b.Finish(t.Context(), tenant, state.ItemOf(r), job.Verdict{Applied: true}); err != nil {
		t.Fatal(err)
	}
	// A sweep that was slow, and acts on the deadline the item had while it was pending.
	if taken, err = b.ItemDue(t.Context(), tenant, state.ItemOf(r), "due-2"); err != nil || len(taken.Items) != 0 {
		t.Errorf("one that has ended: %v, %v", taken, err)
	}
	if o, err := b.Item(t.Context(), tenant, state.ItemOf(r)); err != nil || !job.Final(o) {
		t.Errorf("forgotten too early: %v, %v", o, err)
	}
}
