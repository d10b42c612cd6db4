package desktop

import (
	"strings"
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	screens       prometheus.Gauge
	pushes        *prometheus.CounterVec
	delay         prometheus.Histogram
	toCard        prometheus.Histogram
	resyncs       *prometheus.CounterVec
	gaps          prometheus.Counter
	slow          prometheus.Counter
	badFrames     prometheus.Counter
	badPushes     prometheus.Counter
	logInsRefused prometheus.Counter
	heartbeat     prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, s *Server) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		screens: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "busyhour_screens_connected", Help: "WebSockets open on this pod."}),
		pushes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "busyhour_screen_frames_total", Help: "Frames written to screens, by kind."}, []string{"kind"}),
		delay: prometheus.NewHistogram(telemetry.Native(prometheus.HistogramOpts{
			Name: "busyhour_push_delay_seconds", Help: "From the decision to the write to the socket, by Redis' clock.",
			Buckets: []float64{.0005, .001, .002, .003, .005, .0075, .01, .02, .05, .1, .25, .5, 1, 2.5, 5}})),
		toCard: prometheus.NewHistogram(telemetry.Native(prometheus.HistogramOpts{
			Name: "busyhour_signal_to_card_seconds", Help: "From a switch's signal in call-routing to the write of what it means to the screen, by Redis' clock.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5}})),
		resyncs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "busyhour_screen_resyncs_total", Help: "Snapshots after the first: asked (by the screen), slow, epoch, repair."}, []string{"cause"}),
		gaps:          counter("busyhour_push_gaps_total", "Pushes whose predecessor was missed."),
		slow:          counter("busyhour_screens_slow_total", "Queues of screens that overflowed."),
		badFrames:     counter("busyhour_screen_frames_bad_total", "Frames from screens that could not be read."),
		badPushes:     counter("busyhour_pushes_bad_total", "Pushes that could not be read."),
		logInsRefused: counter("busyhour_screen_log_ins_refused_total", "Log-ins refused."),
		heartbeat: prometheus.NewHistogram(telemetry.Native(prometheus.HistogramOpts{
			Name: "busyhour_heartbeat_batch_seconds", Help: "One batch of heartbeats: a read, and the frames queued.",
			Buckets: prometheus.ExponentialBuckets(.0005, 2, 12)})),
	}
	reg.MustRegister(m.screens, m.pushes, m.delay, m.toCard, m.resyncs, m.gaps, m.slow, m.badFrames, m.badPushes, m.logInsRefused, m.heartbeat,
		&byStatus{server: s, desc: prometheus.NewDesc("busyhour_presence_agents",
			"Agents with a screen on this pod, by status and connection.", []string{"tenant", "status", "connection"}, nil)})
	return m
}

func (m *metrics) sent(q *queued, now time.Time) {
	m.pushes.WithLabelValues(q.kind).Inc()
	since(m.delay, q.decided, now)
	since(m.toCard, q.signal, now)
}

func since(h prometheus.Histogram, then, now time.Time) {
	if !then.IsZero() {
		h.Observe(max(0, now.Sub(then).Seconds()))
	}
}

// byStatus counts when it is asked, so that nothing has to be kept in step.
type byStatus struct {
	server *Server
	desc   *prometheus.Desc
}

func (b *byStatus) Describe(ch chan<- *prometheus.Desc) { ch <- b.desc }

func (b *byStatus) Collect(ch chan<- prometheus.Metric) {
	type state struct {
		tenant     string
		status     presencev1.Status
		connection presencev1.Connection
	}
	counts := map[state]int{}
	for _, tenant := range b.server.store.Tenants() { // a zero is a figure, too
		for status := range presencev1.Status_name {
			if status != 0 {
				counts[state{tenant, presencev1.Status(status), presencev1.Connection_CONNECTION_CONNECTED}] = 0
			}
		}
	}
	for _, d := range b.server.allDesks() {
		d.mu.Lock()
		if p := d.presence.value; p != nil && len(d.screens) > 0 {
			counts[state{d.key.tenant, p.Status, p.Connection}]++
		}
		d.mu.Unlock()
	}
	for s, n := range counts {
		ch <- prometheus.MustNewConstMetric(b.desc, prometheus.GaugeValue, float64(n), s.tenant,
			strings.ToLower(strings.TrimPrefix(s.status.String(), "STATUS_")),
			strings.ToLower(strings.TrimPrefix(s.connection.String(), "CONNECTION_")))
	}
}

func (s *Server) allDesks() []*desk {
	s.mu.Lock()
	defer s.mu.Unlock()
	desks := make([]*desk, 0, len(s.desks))
	for _, d := range s.desks {
		desks = append(desks, d)
	}
	return desks
}
