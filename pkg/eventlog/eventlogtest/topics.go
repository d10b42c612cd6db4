package eventlogtest

import (
	"strings"
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

func ensureCreates(t *testing.T, h harness) {
	plan := []eventlog.TopicSpec{
		{Name: h.name("events"), Partitions: 6, Cleanup: "delete", Retention: 7 * 24 * time.Hour},
		{Name: h.name("state"), Partitions: 3, Cleanup: "compact"},
	}
	report, err := eventlog.Ensure(h.ctx, h.cfg, plan, 1)
	if err != nil || len(report.Created) != 2 {
		t.Fatalf("the first time: created %v, %v", report.Created, err)
	}
	report, err = eventlog.Ensure(h.ctx, h.cfg, plan, 1)
	if err != nil || len(report.Created) != 0 || len(report.AsPlanned) != 2 || len(report.Differs) != 0 {
		t.Fatalf("the second time: %+v, %v", report, err)
	}
}

func ensureNamesDifferences(t *testing.T, h harness) {
	spec := eventlog.TopicSpec{Name: h.name("grown"), Partitions: 6, Cleanup: "delete", Retention: 2 * time.Hour}
	order := eventlog.TopicSpec{Name: h.name("order"), Partitions: 2, Cleanup: "compact"}
	h.must(eventlog.Ensure(h.ctx, h.cfg, []eventlog.TopicSpec{spec, order}, 1))

	spec.Partitions = 4
	report, err := eventlog.Ensure(h.ctx, h.cfg, []eventlog.TopicSpec{spec}, 1)
	if err != nil || len(report.Differs) != 1 || report.Differs[0].Live != "6" || !report.Differs[0].Harmless {
		t.Errorf("a plan with fewer partitions gave %+v, %v", report, err)
	}
	spec.Partitions, spec.Cleanup = 8, "compact"
	order.Partitions = 1
	_, err = eventlog.Ensure(h.ctx, h.cfg, []eventlog.TopicSpec{spec, order}, 1)
	if err == nil {
		t.Fatal("differences that break promises gave no error")
	}
	for _, want := range []string{
		spec.Name + ": the number of partitions is 6, the plan has 8",
		spec.Name + ": cleanup.policy is delete, the plan has compact",
		order.Name + ": the number of partitions is 2, the plan has 1",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
	spec.Partitions, spec.Cleanup, spec.Retention = 6, "delete", 3*time.Hour
	if _, err = eventlog.Ensure(h.ctx, h.cfg, []eventlog.TopicSpec{spec}, 1); err == nil || !strings.Contains(err.Error(), "retention.ms") {
		t.Errorf("a retention shorter than the plan's gave %v", err)
	}
}
