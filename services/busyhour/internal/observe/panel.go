package observe

// Grafana's model of a dashboard, as far as ours have it.
type (
	dashboard struct {
		UID           string     `json:"uid"`
		Title         string     `json:"title"`
		Description   string     `json:"description"`
		Tags          []string   `json:"tags"`
		SchemaVersion int        `json:"schemaVersion"`
		Editable      bool       `json:"editable"`
		GraphTooltip  int        `json:"graphTooltip"`
		Refresh       string     `json:"refresh"`
		Time          span       `json:"time"`
		Templating    templating `json:"templating"`
		Links         []link     `json:"links"`
		Panels        []*panel   `json:"panels"`
	}
	span struct {
		From string `json:"from"`
		To   string `json:"to"`
	}
	templating struct {
		List []variable `json:"list"`
	}
	variable struct {
		Name       string     `json:"name"`
		Label      string     `json:"label"`
		Type       string     `json:"type"`
		Query      string     `json:"query"`
		Datasource *reference `json:"datasource,omitempty"`
		Refresh    int        `json:"refresh"`
		Sort       int        `json:"sort,omitempty"`
		Multi      bool       `json:"multi"`
		IncludeAll bool       `json:"includeAll"`
		AllValue   string     `json:"allValue,omitempty"`
	}
	reference struct {
		Type string `json:"type"`
		UID  string `json:"uid"`
	}
	link struct {
		Title       string   `json:"title"`
		Type        string   `json:"type"`
		Tags        []string `json:"tags"`
		AsDropdown  bool     `json:"asDropdown"`
		KeepTime    bool     `json:"keepTime"`
		IncludeVars bool     `json:"includeVars"`
	}
	panel struct {
		ID          int         `json:"id"`
		Type        string      `json:"type"`
		Title       string      `json:"title"`
		Description string      `json:"description,omitempty"`
		GridPos     place       `json:"gridPos"`
		Datasource  *reference  `json:"datasource,omitempty"`
		FieldConfig *fields     `json:"fieldConfig,omitempty"`
		Options     any         `json:"options,omitempty"`
		Targets     []target    `json:"targets,omitempty"`
		Panels      *[]struct{} `json:"panels,omitempty"`
	}
	place struct {
		H int `json:"h"`
		W int `json:"w"`
		X int `json:"x"`
		Y int `json:"y"`
	}
	fields struct {
		Defaults  defaults   `json:"defaults"`
		Overrides []struct{} `json:"overrides"`
	}
	defaults struct {
		Unit       string         `json:"unit"`
		Min        *float64       `json:"min,omitempty"`
		Max        *float64       `json:"max,omitempty"`
		Thresholds thresholds     `json:"thresholds"`
		Mappings   []mapping      `json:"mappings,omitempty"`
		Custom     map[string]any `json:"custom,omitempty"`
	}
	thresholds struct {
		Mode  string `json:"mode"`
		Steps []step `json:"steps"`
	}
	step struct {
		Color string   `json:"color"`
		Value *float64 `json:"value"`
	}
	mapping struct {
		Type    string            `json:"type"`
		Options map[string]answer `json:"options"`
	}
	answer struct {
		Text  string `json:"text"`
		Color string `json:"color"`
	}
	target struct {
		RefID        string     `json:"refId"`
		Expr         string     `json:"expr"`
		LegendFormat string     `json:"legendFormat"`
		Datasource   *reference `json:"datasource"`
		Instant      bool       `json:"instant,omitempty"`
		Range        bool       `json:"range"`
	}
)

// source is the Prometheus that is chosen on the page.
var source = &reference{"prometheus", "${datasource}"}

// lines is a graph of what the queries give; legend and expression in turn.
func lines(title, description, unit string, queries ...string) *panel {
	p := asking("timeseries", title, description, unit, queries)
	p.FieldConfig.Defaults.Min = new(0.0)
	p.FieldConfig.Defaults.Custom = map[string]any{"fillOpacity": 8, "lineWidth": 1, "showPoints": "never", "spanNulls": false}
	p.Options = map[string]any{
		"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
	}
	return p
}

// stacked is lines of parts of a whole.
func stacked(title, description, unit string, queries ...string) *panel {
	p := lines(title, description, unit, queries...)
	p.FieldConfig.Defaults.Custom["stacking"] = map[string]any{"mode": "normal", "group": "A"}
	p.FieldConfig.Defaults.Custom["fillOpacity"] = 40
	return p
}

// figure is one number, large.
func figure(title, description, unit, expr string) *panel {
	p := asking("stat", title, description, unit, []string{"", expr})
	p.Targets[0].Instant, p.Targets[0].Range = true, false
	p.Options = map[string]any{
		"colorMode": "background", "graphMode": "none", "textMode": "auto",
		"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
	}
	return p
}

func asking(kind, title, description, unit string, queries []string) *panel {
	p := &panel{
		Type: kind, Title: title, Description: description, Datasource: source,
		FieldConfig: &fields{Overrides: []struct{}{}, Defaults: defaults{Unit: unit, Thresholds: thresholds{"absolute", []step{{"green", nil}}}}},
	}
	for i := 0; i+1 < len(queries); i += 2 {
		p.Targets = append(p.Targets, target{RefID: string(rune('A' + i/2)), LegendFormat: queries[i], Expr: queries[i+1], Datasource: source, Range: true})
	}
	return p
}

// warn colours what is at least so much, and worse.
func (p *panel) warn(orange, red float64) *panel {
	p.FieldConfig.Defaults.Thresholds.Steps = []step{{"green", nil}, {"orange", &orange}, {"red", &red}}
	return p.shown()
}

// atLeast colours what is less than it should be.
func (p *panel) atLeast(orange, green float64) *panel {
	p.FieldConfig.Defaults.Thresholds.Steps = []step{{"red", nil}, {"orange", &orange}, {"green", &green}}
	return p.shown()
}

// shown draws thresholds into a graph.
func (p *panel) shown() *panel {
	if p.Type == "timeseries" {
		p.FieldConfig.Defaults.Custom["thresholdsStyle"] = map[string]any{"mode": "dashed"}
	}
	return p
}

func (p *panel) says(value, text, color string) *panel {
	p.FieldConfig.Defaults.Mappings = append(p.FieldConfig.Defaults.Mappings, mapping{"value", map[string]answer{value: {text, color}}})
	return p
}

// section is a heading and the panels under it, so many in a line.
type section struct {
	title   string
	columns int
	height  int
	panels  []*panel
}

// lay gives every panel its number and place.
func lay(sections ...section) []*panel {
	var all []*panel
	y := 0
	for _, s := range sections {
		all = append(all, &panel{ID: len(all) + 1, Type: "row", Title: s.title, GridPos: place{1, 24, 0, y}, Panels: &[]struct{}{}})
		y++
		width := 24 / s.columns
		for i, p := range s.panels {
			p.ID = len(all) + 1
			p.GridPos = place{s.height, width, i % s.columns * width, y + i/s.columns*s.height}
			all = append(all, p)
		}
		y += (len(s.panels) + s.columns - 1) / s.columns * s.height
	}
	return all
}
