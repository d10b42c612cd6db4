package rules

import (
	"strings"
	"testing"
)

func TestDashboardsAreTidy(t *testing.T) {
	all := dashboards(t)
	for _, want := range []string{"floor.json", "call-routing.json", "agent-presence.json", "provisioning.json"} {
		if _, ok := all[want]; !ok {
			t.Errorf("no %s", want)
		}
	}
	uids := map[string]string{}
	for file, d := range all {
		if d.UID == "" || d.Title == "" || d.Description == "" {
			t.Errorf("%s: uid, title or description is missing", file)
		}
		if other, twice := uids[d.UID]; twice {
			t.Errorf("%s and %s have one uid", file, other)
		}
		uids[d.UID] = file
		if !has(d, "datasource") || !has(d, "tenant") {
			t.Errorf("%s: the variables datasource and tenant are missing", file)
		}
		panels(t, file, d)
	}
}

func has(d dashboard, name string) bool {
	for _, v := range d.Templating.List {
		if v.Name == name {
			return true
		}
	}
	return false
}

func panels(t *testing.T, file string, d dashboard) {
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: two panels have id %d", file, p.ID)
		}
		ids[p.ID] = true
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.W == 0 || p.GridPos.H == 0 {
			t.Errorf("%s, %s: it does not fit the grid", file, p.Title)
		}
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" {
			t.Errorf("%s, %s: title, description or unit is missing", file, p.Title)
		}
		if p.Datasource["uid"] != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("%s, %s: it asks nobody, or not the datasource of the variable", file, p.Title)
		}
		for i, q := range d.Panels {
			if q.ID < p.ID && overlap(p, q) {
				t.Errorf("%s: %q (%d) and %q lie over each other", file, p.Title, i, q.Title)
			}
		}
	}
}

func overlap(a, b panel) bool {
	p, q := a.GridPos, b.GridPos
	return p.X < q.X+q.W && q.X < p.X+p.W && p.Y < q.Y+q.H && q.Y < p.Y+p.H
}

func TestQuantilesAreOfBuckets(t *testing.T) {
	for file, d := range dashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				if strings.Contains(target.Expr, "histogram_quantile") && !strings.Contains(target.Expr, "le") {
					t.Errorf("%s, %s: a quantile without le", file, p.Title)
				}
			}
		}
	}
}
