package bulk

import (
	"context"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

// Lag of the group that takes requests in, sampled while a job runs.
type Lag struct {
	Records Spread `json:"records"`
	// Age of the oldest record in hand, in seconds.
	Age Spread `json:"age_s"`
	// UnseenS is for how many seconds no pod that answers had some of the partitions: whoever had them was dead.
	UnseenS float64 `json:"unseen_s"`
}

const (
	sampleEvery = 250 * time.Millisecond
	requests    = "provisioning.requests" // the group
	lagRecords  = "busyhour_consumer_lag_records"
	lagSeconds  = "busyhour_consumer_lag_seconds"
	streamItems = "busyhour_provisioning_stream_items"
	partitions  = 3 // of the topic, at least
)

var sampled = map[string]bool{lagRecords: true, lagSeconds: true, streamItems: true}

// moment is what the pods say at one time.
type moment struct {
	records, age float64
	partitions   int
	// inStream are items of bulk jobs that wait or are under way.
	inStream int
}

// look at all pods; one that does not answer is dead, or about to be.
func look(ctx context.Context, pods []*fleet.Process, tenant string) (m moment) {
	for _, p := range pods {
		soon, cancel := context.WithTimeout(ctx, 2*time.Second)
		samples, _ := p.Samples(soon, sampled)
		cancel()
		for _, s := range samples {
			m.add(s, tenant)
		}
	}
	return m
}

func (m *moment) add(s fleet.Sample, tenant string) {
	switch {
	case s.Name == streamItems && s.Labels["tenant"] == tenant && s.Labels["priority"] == "bulk":
		m.inStream = max(m.inStream, int(s.Value)) // all pods say the same, of one Redis
	case s.Name == lagRecords && s.Labels["group"] == requests:
		m.records += s.Value
		m.partitions++
	case s.Name == lagSeconds && s.Labels["group"] == requests:
		m.age = max(m.age, s.Value)
	}
}

// lags collects them.
type lags struct {
	records, ages []float64
	unseen        time.Duration
}

func (l *lags) take(m moment, since time.Duration) {
	if m.partitions < partitions {
		l.unseen += since
	}
	l.records, l.ages = append(l.records, m.records), append(l.ages, m.age)
}

func (l *lags) sum() Lag {
	return Lag{Records: spreadOf(l.records), Age: spreadOf(l.ages), UnseenS: l.unseen.Seconds()}
}
