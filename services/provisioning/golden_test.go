//go:build !stack

package provisioning_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/busyhour/busyhour/api/events"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/golden"
	"github.com/busyhour/busyhour/api/golden/goldentest"
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

func TestGoldenEventsOfProvisioning(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.one(1))
	first := p.mustCreate("r-1", queueItem(provisioningv1.Item_KIND_CREATE_QUEUE, "support"))
	p.ended(first.GetId())
	for i, it := range []*provisioningv1.Item{
		upsert("ann", "Ann"), upsert("ann", "Anna"), deletion("ann"),
		{Kind: provisioningv1.Item_KIND_UPDATE_QUEUE, Queue: &provisioningv1.Queue{Id: "support", Name: "Support", Channel: 1}},
		queueItem(provisioningv1.Item_KIND_DELETE_QUEUE, "support"),
	} {
		p.ended(p.mustCreate("r-2-"+string(rune('a'+i)), it).GetId())
	}
	g := s.gated()
	j := p.mustCreate("r-3", upserts(3)...)
	s.await("one is under way", func() bool { return g.calls() > 0 })
	if _, err := p.pause(j.GetId()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.resume(j.GetId()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.cancel(j.GetId()); err != nil {
		t.Fatal(err)
	}
	g.leave()
	p.ended(j.GetId())
	s.await("it is settled", func() bool { return !p.job(j.GetId()).GetUnsettled() })

	fixed := strings.NewReplacer(s.tenant, "demo", first.GetId(), "j-1", j.GetId(), "j-3")
	records := goldenRecords(s.all(topics.Requests, topics.Outcomes, topics.DirectoryEvents)...)
	goldentest.Compare(t, records, fixed, events.Request, events.ItemEnded, events.JobCreated, events.JobAccepted, events.JobPaused,
		events.JobResumed, events.JobCancelled, events.JobSettled, events.EntryAgentCreated, events.EntryAgentUpdated,
		events.EntryAgentDeleted, events.EntryQueueCreated, events.EntryQueueUpdated, events.EntryQueueDeleted)
}

// What the auditor and a recovery write.
func TestGoldenEventsOfMending(t *testing.T) {
	s := newStage(t)
	p := s.startPod("a", s.quick())
	first := p.mustCreate("r-1", queueItem(provisioningv1.Item_KIND_CREATE_QUEUE, "support"))
	p.ended(first.GetId())
	p.ended(p.mustCreate("r-2", upsert("ann", "Ann")).GetId())
	epoch, err := p.redis.HGet(t.Context(), commit.MarkKey(s.tenant, "provisioning"), "epoch").Uint64()
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range []string{"queue:support", "agent:ann", "job:" + first.GetId()} {
		if err := p.redis.HSet(t.Context(), commit.Key(s.tenant, "provisioning", uint32(epoch), record), "v", "nonsense").Err(); err != nil {
			t.Fatal(err)
		}
	}
	s.await("the lies are found", func() bool {
		return s.wrote(events.EntryQueueHealed) && s.wrote(events.EntryAgentHealed) && s.wrote(events.JobHealed)
	})

	kafka.Stop()
	never, stop := context.WithCancel(t.Context())
	go p.directory.CreateQueue(never, s.queue("sales")) //nolint:errcheck // it is decided, and never acknowledged
	s.await("only Redis has what was decided", func() bool { return p.metric("busyhour_log_away_seconds") > 1.1 })
	stop()
	s.flush()
	if err := kafka.Start(); err != nil {
		t.Fatal(err)
	}
	s.await("the log says what it lacks", func() bool { return s.wrote(events.ProvisioningGap) })
	p.stop()
	goldentest.Compare(t, goldenRecords(s.all(topics.Outcomes, topics.DirectoryEvents)...), strings.NewReplacer(first.GetId(), "j-1"),
		events.EntryQueueHealed, events.EntryAgentHealed, events.JobHealed, events.ProvisioningGap)
}

func (s *stage) wrote(typ string) bool {
	s.Helper()
	return slices.ContainsFunc(s.all(topics.Outcomes, topics.DirectoryEvents), func(m eventlog.Message) bool { return m.Header(eventlog.HeaderType) == typ })
}

// all reads several topics.
func (s *stage) all(topics ...string) (all []eventlog.Message) {
	s.Helper()
	for _, topic := range topics {
		all = append(all, s.read(topic)...)
	}
	return all
}

func goldenRecords(messages ...eventlog.Message) (records []golden.Record) {
	for _, m := range messages {
		r := golden.Record{Topic: m.Topic, Key: string(m.Key), Value: m.Value, Headers: map[string]string{}}
		for _, h := range m.Headers {
			r.Headers[h.Key] = h.Value
		}
		records = append(records, r)
	}
	return records
}
