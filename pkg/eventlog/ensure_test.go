package eventlog

import (
	"testing"
	"time"
)

// What counts the reigns that ended must find them all, however many takes of the same key came after.
func TestACompactedTopicMayKeepWhatIsNotTheLatest(t *testing.T) {
	for _, c := range []struct {
		kept     time.Duration
		min, max string
	}{
		{0, "", "300000"},
		{15 * time.Minute, "900000", "1800000"},
	} {
		s := (&ensurer{replication: 3}).settings(TopicSpec{Name: "t", Partitions: 1, Cleanup: "compact", Retention: c.kept})
		if s["min.compaction.lag.ms"] != c.min || s["max.compaction.lag.ms"] != c.max || s["retention.ms"] != "" {
			t.Errorf("kept for %s: %v", c.kept, s)
		}
	}
}
