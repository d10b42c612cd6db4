package edge

import (
	"fmt"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// OpsHandler answers those who run the service: /healthz while the process lives, /readyz when it can serve (else 503
// and the reason), /metrics; and /statusz and /state/ as the service does.
func OpsHandler(reg prometheus.Gatherer, ready func() error, state http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.Handle("/statusz", state)
	mux.Handle("/state/", state)
	return mux
}

// Certified lets callers without a certificate of ours ask for /healthz and /readyz, as orchestrators do, and for nothing
// else.
func Certified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known := r.TLS != nil && len(r.TLS.VerifiedChains) > 0
		if !known && r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
			http.Error(w, "show a certificate that tls.client-ca has signed", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// PprofHandler serves profiles. It tells much and can cost much: keep it on an address that only you reach.
func PprofHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
