package eventlog

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Only the first record of a partition tells of the hand-over, and one that came after it tells that none waited.
func TestTheFirstRecordTellsThePauseOfAHandOver(t *testing.T) {
	for _, c := range []struct {
		name string
		age  time.Duration
		want time.Duration
	}{
		{"it waited", 3 * time.Second, 3 * time.Second},
		{"it came afterwards", -time.Second, 0},
	} {
		m := newMoveMetrics(prometheus.NewRegistry(), "g")
		p := &arrival{since: time.Now(), pause: m.pause.WithLabelValues("t")}
		p.first(time.Now().Add(-c.age))
		p.first(time.Now().Add(-time.Hour))
		var got dto.Metric
		if err := m.pause.WithLabelValues("t").(prometheus.Metric).Write(&got); err != nil {
			t.Fatal(err)
		}
		h := got.GetHistogram()
		if sum := h.GetSampleSum(); h.GetSampleCount() != 1 || sum < c.want.Seconds() || sum > c.want.Seconds()+1 {
			t.Errorf("%s: %d samples, sum %g s, want %s", c.name, h.GetSampleCount(), sum, c.want)
		}
	}
}
