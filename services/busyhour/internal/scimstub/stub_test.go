package scimstub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// caller talks to a stub behind a real socket.
type caller struct {
	*testing.T
	url string
}

func start(t *testing.T, cfg Config) caller {
	server := httptest.NewServer(New(cfg).Handler())
	t.Cleanup(server.Close)
	return caller{t, server.URL}
}

// answer as far as a test looks.
type answer struct {
	status int
	etag   string
	text   string
	body   map[string]any
}

func (c caller) do(method, path, body string, headers ...string) (answer, error) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	a := answer{status: res.StatusCode, etag: res.Header.Get("ETag"), text: string(text)}
	_ = json.Unmarshal(text, &a.body)
	return a, err
}

// must is do, and the status that is wanted.
func (c caller) must(status int, method, path, body string, headers ...string) answer {
	c.Helper()
	a, err := c.do(method, path, body, headers...)
	if err != nil || a.status != status {
		c.Fatalf("%s %s: %d %s, %v, want %d", method, path, a.status, a.text, err, status)
	}
	return a
}

func (c caller) behave(behaviour string) {
	c.Helper()
	c.must(200, "PUT", "/stub/behaviour", behaviour)
}

func (c caller) counts() (n Counts) {
	c.Helper()
	if err := json.Unmarshal([]byte(c.must(200, "GET", "/stub/counts", "").text), &n); err != nil {
		c.Fatal(err)
	}
	return n
}

const users = "/scim/v2/Users"

func TestAUserLives(t *testing.T) {
	c := start(t, Config{})
	made := c.must(201, "POST", users, `{"userName":"Ann","externalId":"acme/ann","favourite":"tea"}`)
	path := users + "/" + made.body["id"].(string)
	if made.body["favourite"] != "tea" || made.body["meta"].(map[string]any)["version"] != made.etag {
		t.Errorf("made %s", made.text)
	}
	c.must(409, "POST", users, `{"userName":"ann"}`)
	c.must(400, "POST", users, `{"displayName":"Ann"}`)
	c.must(400, "POST", users, `{"userName":`)
	c.must(304, "GET", path, "", "If-None-Match", made.etag)
	put := c.must(200, "PUT", path, `{"userName":"ann","active":true}`, "If-Match", made.etag)
	if put.etag == made.etag || put.body["favourite"] != nil {
		t.Errorf("put %s, %s", put.etag, put.text)
	}
	c.must(412, "PUT", path, `{"userName":"bob"}`, "If-Match", made.etag)
	c.must(412, "DELETE", path, "", "If-Match", made.etag)
	c.must(204, "DELETE", path, "")
	gone := c.must(404, "GET", path, "")
	if gone.body["status"] != "404" || gone.body["schemas"] == nil {
		t.Errorf("the error is %s", gone.text)
	}
}

func TestFiltersAndPages(t *testing.T) {
	c := start(t, Config{})
	for i := range 5 {
		c.must(201, "POST", users, fmt.Sprintf(`{"userName":"agent-%d","externalId":"acme/\"%d"}`, i, i))
	}
	for _, q := range []struct {
		filter, page string
		total, shown float64
	}{
		{"", "", 5, 5},
		{"", "&startIndex=4&count=3", 5, 2},
		{"", "&startIndex=9&count=3", 5, 0},
		{"", "&count=0", 5, 0},
		{`userName eq "AGENT-3"`, "", 1, 1},
		{`externalId eq "acme/\"3"`, "", 1, 1},
		{`externalid EQ "acme/3"`, "", 0, 0},
	} {
		a := c.must(200, "GET", users+"?filter="+url.QueryEscape(q.filter)+q.page, "")
		if a.body["totalResults"] != q.total || a.body["itemsPerPage"] != q.shown || float64(len(a.body["Resources"].([]any))) != q.shown {
			t.Errorf("%s%s: %s", q.filter, q.page, a.text)
		}
	}
	if a := c.must(400, "GET", users+"?filter="+url.QueryEscape(`name pr`), ""); a.body["scimType"] != "invalidFilter" {
		t.Errorf("the error is %s", a.text)
	}
}

func TestPatches(t *testing.T) {
	const before = `{"userName":"ann","name":{"formatted":"Ann"},"emails":[{"type":"work","value":"a@x"},{"type":"home","value":"b@x"}],"urn:x:1.0:User":{"a":1}}`
	for _, p := range []struct{ name, ops, want string }{
		{"replaces an attribute", `{"op":"Replace","path":"username","value":"bob"}`, strings.Replace(before, "ann", "bob", 1)},
		{"without a path", `{"op":"add","value":{"name.formatted":"Bob"}}`, strings.Replace(before, `"Ann"`, `"Bob"`, 1)},
		{"removes", `{"op":"remove","path":"name"}`, strings.Replace(before, `"name":{"formatted":"Ann"},`, "", 1)},
		{"adds to a list", `{"op":"add","path":"emails","value":[{"value":"c@x"}]}`, strings.Replace(before, `b@x"}`, `b@x"},{"value":"c@x"}`, 1)},
		{"an entry's attribute", `{"op":"replace","path":"emails[type eq \"home\"].value","value":"c@x"}`, strings.Replace(before, "b@x", "c@x", 1)},
		{"removes an entry", `{"op":"remove","path":"emails[type eq \"home\"]"}`, strings.Replace(before, `,{"type":"home","value":"b@x"}`, "", 1)},
		{"an extension's attribute", `{"op":"add","path":"urn:x:1.0:User:a","value":2}`, strings.Replace(before, `"a":1`, `"a":2`, 1)},
		{"an extension", `{"op":"add","value":{"urn:x:1.0:User":{"a":2}}}`, strings.Replace(before, `"a":1`, `"a":2`, 1)},
		{"all or nothing", `{"op":"remove","path":"name"},{"op":"remove","path":"userName"}`, ""},
		{"no such entry", `{"op":"replace","path":"emails[type eq \"fax\"].value","value":"c@x"}`, ""},
	} {
		t.Run(p.name, func(t *testing.T) {
			c := start(t, Config{})
			path := users + "/" + c.must(201, "POST", users, before).body["id"].(string)
			status, want := 200, p.want
			if want == "" {
				status, want = 400, before
			}
			c.must(status, "PATCH", path, `{"Operations":[`+p.ops+`]}`)
			got := c.must(200, "GET", path, "").body
			delete(got, "id")
			delete(got, "meta")
			var wanted map[string]any
			if err := json.Unmarshal([]byte(want), &wanted); err != nil || !reflect.DeepEqual(got, wanted) {
				t.Errorf("%v, want %s, %v", got, want, err)
			}
		})
	}
}

func TestAPatchOfAnExtensionAddsItsSchema(t *testing.T) {
	const core, ext = "urn:ietf:params:scim:schemas:core:2.0:User", "urn:x:1.0:User"
	c := start(t, Config{})
	made := c.must(201, "POST", users, `{"schemas":["`+core+`"],"userName":"ann"}`)
	path := users + "/" + made.body["id"].(string)
	for _, step := range []struct {
		op   string
		want map[string]any
	}{
		{`{"op":"replace","path":"` + ext + `:skills","value":[{"name":"english","level":80}]}`, map[string]any{"skills": []any{map[string]any{"name": "english", "level": 80.0}}}},
		{`{"op":"add","path":"` + ext + `","value":{"queues":["sales"]}}`, map[string]any{"queues": []any{"sales"}}},
		{`{"op":"remove","path":"` + ext + `:queues"}`, map[string]any{}},
	} {
		a := c.must(200, "PATCH", path, `{"Operations":[`+step.op+`]}`, "If-Match", made.etag)
		if got := fmt.Sprint(a.body["schemas"]); got != "["+core+" "+ext+"]" || !reflect.DeepEqual(a.body[ext], any(step.want)) {
			t.Errorf("%s: %s", step.op, a.text)
		}
		c.must(412, "PATCH", path, `{"Operations":[`+step.op+`]}`, "If-Match", made.etag)
		made.etag = a.etag
	}
}

func TestGroupsHaveMembers(t *testing.T) {
	c := start(t, Config{})
	path := "/scim/v2/Groups/" + c.must(201, "POST", "/scim/v2/Groups", `{"displayName":"sales"}`).body["id"].(string)
	c.must(200, "PATCH", path, `{"Operations":[{"op":"add","path":"members","value":[{"value":"user-1"},{"value":"user-2"}]}]}`)
	a := c.must(200, "PATCH", path, `{"Operations":[{"op":"remove","path":"members[value eq \"user-1\"]"}]}`)
	if got := fmt.Sprint(a.body["members"]); got != "[map[value:user-2]]" {
		t.Errorf("members %s", got)
	}
	for user, want := range map[string]string{"user-1": "0", "user-2": "1"} {
		found := c.must(200, "GET", "/scim/v2/Groups?filter="+url.QueryEscape(`members.value eq "`+user+`"`), "")
		if got := fmt.Sprint(found.body["totalResults"]); got != want {
			t.Errorf("%s is in %s groups, want %s", user, got, want)
		}
	}
}

func TestWhoHasNoTokenIsSentAway(t *testing.T) {
	c := start(t, Config{Token: "sesame"})
	c.must(401, "GET", users, "")
	c.must(401, "GET", users, "", "Authorization", "Bearer open")
	c.must(200, "GET", users, "", "Authorization", "Bearer sesame")
	c.must(200, "GET", "/stub/behaviour", "")
}

func TestBehaviours(t *testing.T) {
	const ann = `{"userName":"ann"}`
	for _, b := range []struct {
		name, behaviour string
		status          int // 0: no answer
		done            bool
	}{
		{"well", `{}`, 201, true},
		{"late", `{"latency":"1ms"}`, 201, true},
		{"errors", `{"errors":1}`, 500, false},
		{"throttles", `{"throttles":1,"retry_after":"7s"}`, 429, false},
		{"resets", `{"resets":1}`, 0, false},
		{"malformed", `{"malformed":1}`, 201, true},
	} {
		t.Run(b.name, func(t *testing.T) {
			c := start(t, Config{})
			c.behave(b.behaviour)
			a, err := c.do("POST", users, ann)
			if a.status != b.status || (err != nil) != (b.status == 0) {
				t.Errorf("%d, %v, want %d", a.status, err, b.status)
			}
			if b.name == "malformed" && json.Valid([]byte(a.text)) {
				t.Errorf("%s is well formed", a.text)
			}
			if n := c.counts(); (n.Users == 1) != b.done || (n.Creates["ann"] == 1) != b.done {
				t.Errorf("done is not %v: %+v", b.done, n)
			}
		})
	}
}

func TestALossIsDoneAndNotAnswered(t *testing.T) {
	s := New(Config{Behaviour: Behaviour{Losses: 1}})
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", server.URL+users, bytes.NewReader([]byte(`{"userName":"ann"}`)))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { _, err := http.DefaultClient.Do(req); ended <- err }()
	for s.Counts().Creates["ann"] == 0 {
		select {
		case err := <-ended:
			t.Fatalf("answered: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	leave()
	if err := <-ended; err == nil {
		t.Error("answered")
	}
}

func TestALaxStubHasTwo(t *testing.T) {
	c := start(t, Config{Lax: true})
	c.must(201, "POST", users, `{"userName":"ann"}`)
	c.must(201, "POST", users, `{"userName":"Ann"}`)
	if n := c.counts(); n.Users != 2 || n.Creates["ann"] != 2 || fmt.Sprint(n.Twice) != "[ann]" || n.Requests["POST 201"] != 2 {
		t.Errorf("counts %+v", n)
	}
}

func TestABehaviourThatCannotBeIsRefused(t *testing.T) {
	c := start(t, Config{})
	for _, wrong := range []string{`{"errors":0.6,"losses":0.6}`, `{"errors":-1}`, `{"latency":"soon"}`, `{"mood":1}`} {
		c.must(400, "PUT", "/stub/behaviour", wrong)
	}
	if a := c.must(200, "GET", "/stub/behaviour", ""); a.body["errors"] != 0.0 {
		t.Errorf("behaviour %s", a.text)
	}
}

func TestWhatTheStubCanDo(t *testing.T) {
	c := start(t, Config{})
	a := c.must(200, "GET", "/scim/v2/ServiceProviderConfig", "")
	for ability, want := range map[string]bool{"patch": true, "etag": true, "filter": true, "bulk": false, "sort": false} {
		if got := a.body[ability].(map[string]any)["supported"]; got != want {
			t.Errorf("%s: %v, want %v", ability, got, want)
		}
	}
	c.must(404, "POST", "/scim/v2/Bulk", "")
}
