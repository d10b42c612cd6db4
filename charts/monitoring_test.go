package charts

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
)

// TestEveryAlertAndDashboardIsShipped: whatever files there are. They are no part of the manifests in testdata.
func TestEveryAlertAndDashboardIsShipped(t *testing.T) {
	alerts, dashboards := 0, 0
	for _, o := range objects(t, with(t, "{prometheusRule: {enabled: true}, dashboards: {enabled: true}}")) {
		switch o := o.(type) {
		case *monitoringv1.PrometheusRule:
			alerts++
			if len(o.Spec.Groups) == 0 {
				t.Errorf("PrometheusRule %s has no groups", o.Name)
			}
		case *corev1.ConfigMap:
			for name, text := range o.Data {
				if strings.HasSuffix(name, ".json") {
					dashboards++
					if !json.Valid([]byte(text)) || o.Labels["grafana_dashboard"] != "1" {
						t.Errorf("ConfigMap %s: %s is no dashboard that Grafana would find", o.Name, name)
					}
				}
			}
		}
	}
	if n := count(t, "alerts/*.yaml"); alerts != n {
		t.Errorf("%d PrometheusRules of %d files", alerts, n)
	}
	if n := count(t, "dashboards/*.json"); dashboards != n {
		t.Errorf("%d dashboards of %d files", dashboards, n)
	}
}

func count(t *testing.T, pattern string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(chartDir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
