//go:build !stack

package provisioning_test

import (
	"strings"
	"testing"

	"github.com/busyhour/busyhour/api/events"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/api/golden"
	"github.com/busyhour/busyhour/api/golden/goldentest"
	"github.com/busyhour/busyhour/api/topics"
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
	var records []golden.Record
	for _, topic := range []string{topics.Requests, topics.Outcomes, topics.DirectoryEvents} {
		for _, m := range s.read(topic) {
			r := golden.Record{Topic: m.Topic, Key: string(m.Key), Value: m.Value, Headers: map[string]string{}}
			for _, h := range m.Headers {
				r.Headers[h.Key] = h.Value
			}
			records = append(records, r)
		}
	}
	goldentest.Compare(t, records, fixed, events.Request, events.ItemEnded, events.JobCreated, events.JobAccepted, events.JobPaused,
		events.JobResumed, events.JobCancelled, events.JobSettled, events.EntryAgentCreated, events.EntryAgentUpdated,
		events.EntryAgentDeleted, events.EntryQueueCreated, events.EntryQueueUpdated, events.EntryQueueDeleted)
}
