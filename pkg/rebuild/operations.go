package rebuild

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/edge"
)

//go:embed statusz.html
var statuszSource string

var statusz = template.Must(template.New("statusz").Parse(statuszSource))

// Statusz is how a pod's tenants stand.
type Statusz struct {
	Service string         `json:"service"`
	Pod     string         `json:"pod"`
	Tenants []TenantStatus `json:"tenants"`
}

// Operations serves those who operate the service, on its private port:
//
//	GET  /statusz                   how every tenant stands: a page, or JSON for who accepts no HTML
//	POST /state/rebuild?tenant=T    takes a new epoch and builds the tenant anew; answers with its status, once it is open
//	POST /state/verify?tenant=T     compares all stored records with the log; answers with a Verification
func (r *Recovery) Operations() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /statusz", r.serveStatus)
	mux.HandleFunc("POST /state/rebuild", r.serveRebuild)
	mux.HandleFunc("POST /state/verify", r.serveVerify)
	return http.NewCrossOriginProtection().Handler(mux)
}

func (r *Recovery) serveStatus(w http.ResponseWriter, req *http.Request) {
	s := Statusz{Service: r.store.Service(), Pod: r.pod, Tenants: r.Status()}
	if !strings.Contains(req.Header.Get("Accept"), "text/html") {
		writeJSON(w, s)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := statusz.Execute(w, s); err != nil {
		r.log.Warn("the status page was not sent whole", zap.Error(err))
	}
}

func (r *Recovery) serveRebuild(w http.ResponseWriter, req *http.Request) {
	tenant := req.URL.Query().Get("tenant")
	r.log.Warn("a person has a tenant rebuilt", zap.String("tenant", tenant), zap.String("from", req.RemoteAddr))
	if err := r.Rebuild(req.Context(), tenant); err != nil {
		edge.WriteError(w, req, r.log, err)
		return
	}
	writeJSON(w, r.StatusOf(tenant))
}

func (r *Recovery) serveVerify(w http.ResponseWriter, req *http.Request) {
	v, err := r.Verify(req.Context(), req.URL.Query().Get("tenant"))
	if err != nil {
		edge.WriteError(w, req, r.log, err)
		return
	}
	writeJSON(w, v)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // the caller may be gone; there is nobody else to tell
}
