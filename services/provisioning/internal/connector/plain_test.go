package connector

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

func TestABodyIsWrittenByItsTemplate(t *testing.T) {
	var got []string
	c := to(func(r *http.Request) (*http.Response, error) {
		text, _ := io.ReadAll(r.Body)
		got = append(got, fmt.Sprint(r.Method, " ", r.Header.Get("Content-Type"), " ", r.Header.Get("X-Change"), r.Header.Get("Idempotency-Key"), " ", string(text)))
		return answer(200, ""), nil
	}, func(cfg *Config) {
		cfg.Body = `{"login": {{json .agent.id}}, "name": {{json .agent.name}}, "site": {{json .tenant}}, "change": {{json .key}}, "skills": [{{range $i, $s := .agent.skills}}{{if $i}},{{end}}{{$s.level}}{{end}}], "ext": {{json .agent.address}}}`
		cfg.ContentType, cfg.IdempotencyHeader, cfg.DeleteMethod = "application/vnd.crm+json", "X-Change", http.MethodPost
		if err := cfg.Validate(); err != nil {
			t.Error(err)
		}
	})
	change := bea()
	change.Agent.Name = `Bea "<b>" \`
	gone := ann()
	gone.Deleted = true
	for _, change := range []Change{change, gone} {
		if a, err := c.Send(t.Context(), change); err != nil || a.Refused != "" {
			t.Errorf("answer %+v, %v", a, err)
		}
	}
	want := []string{
		`PUT application/vnd.crm+json j-1/8 {"login": "bea", "name": "Bea \"<b>\" \\", "site": "acme", "change": "j-1/8", "skills": [80], "ext": "1002"}`,
		`POST  j-1/7 `,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("sent\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestNoIdempotencyHeader(t *testing.T) {
	c := to(func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("Idempotency-Key") != "" || len(r.Header) != 1 {
			t.Errorf("sent %v", r.Header)
		}
		return answer(200, ""), nil
	}, func(cfg *Config) { cfg.IdempotencyHeader = "" })
	if a, err := c.Send(t.Context(), ann()); err != nil || a.Refused != "" {
		t.Errorf("answer %+v, %v", a, err)
	}
}

func TestWhichAnswersAreTaken(t *testing.T) {
	for _, c := range []struct {
		success string
		status  int
		refused string
	}{
		{"200-299,409", 409, ""},
		{"200-299,409", 204, ""},
		{"200-299,409", 410, "410 Gone"},
		{"200-299, 500 - 502", 501, ""},
		{"201", 201, ""},
		{"201", 200, "200 OK, which is not in downstream.success"},
		{"302", 302, ""},
		{"302", 500, "it went wrong 4 times, at last: 500 Internal Server Error"},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := to(func(*http.Request) (*http.Response, error) { return answer(c.status, "", "Retry-After", "1"), nil }, func(cfg *Config) {
				cfg.Success = strings.Split(c.success, ",")
			})
			if a, err := d.Send(t.Context(), ann()); err != nil || a.Refused != c.refused || c.refused == "" && d.pace.left() > 0 {
				t.Errorf("%s, %d: answer %+v, %v, want %q", c.success, c.status, a, err, c.refused)
			}
		})
	}
}

func TestConfigSaysWhatIsWrongWithPlainHTTP(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		says   []string
	}{
		{func(c *Config) { c.Body = "{{.agent.id" }, []string{"body: template: body:1: unclosed action"}},
		{func(c *Config) { c.Body = "{{json .agent.surname}}" }, []string{`map has no entry for key "surname"`}},
		{func(c *Config) { c.Body = `{"name": "{{.agent.name}}"}` }, []string{"body: of a sample agent it makes no JSON"}},
		{func(c *Config) { c.Body = `{"ext": {{.agent.address}}}` }, []string{"body: of a sample agent it makes no JSON"}},
		{func(c *Config) { c.Body, c.ContentType = `<agent>{{.agent.id}}</agent>`, "text/xml" }, nil},
		{func(c *Config) {
			c.Body, c.ContentType, c.ReadURL = `<agent/>`, "text/xml", "https://crm.example/{id}"
		}, []string{"body: what it makes is no JSON object"}},
		{func(c *Config) { c.Body, c.ReadURL = `[]`, "crm.example" }, []string{"read_url: \"crm.example\" is not", "read_url: \"crm.example\" has no {id}", "body: what it makes is no JSON object"}},
		{func(c *Config) { c.Body, c.ReadURL = `{"change": {{json .key}}}`, "https://crm.example/{id}" }, []string{"body: it has .key"}},
		{func(c *Config) { c.Body, c.ReadURL = `{{json .agent}}`, "https://crm.example/{id}" }, nil},
		{func(c *Config) { c.ReadURL = "https://crm.example/{id}" }, nil},
		{func(c *Config) { c.ReadURL = "http://10.0.0.1/{id}" }, []string{"private:"}},
		{func(c *Config) { c.ContentType = "json;;" }, []string{"content_type:"}},
		{func(c *Config) { c.DeleteMethod = "GET" }, []string{"delete_method:"}},
		{func(c *Config) { c.IdempotencyHeader = "a b" }, []string{"idempotency_header:"}},
		{func(c *Config) { c.IdempotencyHeader = "authorization" }, []string{"idempotency_header:"}},
		{func(c *Config) { c.Success = []string{"199"} }, []string{"success: \"199\""}},
		{func(c *Config) { c.Success = []string{"299-200"} }, []string{"success: \"299-200\""}},
		{func(c *Config) { c.Success = []string{"ok"} }, []string{"success: \"ok\""}},
		{func(c *Config) { c.Success = []string{"400-499"} }, []string{"success: 429"}},
		{func(c *Config) { c.Success, c.Method, c.Body = nil, "GET", "{{" }, []string{"success: it is empty", "method:", "body:"}},
	} {
		cfg := config()
		c.change(&cfg)
		err := cfg.Validate()
		for _, want := range c.says {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not say %s", err, want)
			}
		}
		if err != nil && strings.Count(err.Error(), "downstream.") < len(c.says) || err != nil && len(c.says) == 0 {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
}
