package scim

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/busyhour/busyhour/pkg/telemetry"
)

type metrics struct{ requests *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer) *metrics {
	return &metrics{telemetry.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "busyhour_scim_requests_total",
		Help: "Requests of identity providers, by method and status; those within a bulk request are counted too.",
	}, []string{"method", "status"}))}
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// request counts one. Callers make up methods, and a label must not have them all.
func (m *metrics) request(method string, status int) {
	if !slices.Contains(methods, method) {
		method = "other"
	}
	m.requests.WithLabelValues(method, strconv.Itoa(status)).Inc()
}
