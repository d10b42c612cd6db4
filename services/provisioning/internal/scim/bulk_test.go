package scim

import (
	"fmt"
	"strings"
	"testing"
)

func bulkBody(failOn int, operations ...string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"failOnErrors":%d,"Operations":[%s]}`, failOn, strings.Join(operations, ","))
}

// statuses of a bulk response, in order.
func (a said) statuses() string {
	var all []string
	for _, op := range list(a.body["Operations"]) {
		all = append(all, op.(object)["status"].(string))
	}
	return strings.Join(all, " ")
}

func TestBulk(t *testing.T) {
	s := newSite(t, Config{})
	s.bea()
	const ann = `{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"ann"}}`
	a := s.wants(200, "POST /Bulk", bulkBody(0,
		`{"method":"post","path":"/Groups","bulkId":"g","data":{"displayName":"Night Shift","members":[{"value":"bulkId:a"},{"value":"bea"}]}}`,
		ann,
		`{"method":"PATCH","path":"/Users/bulkId:a","data":{"Operations":[{"op":"replace","path":"displayName","value":"Ann"}]}}`,
		`{"method":"PUT","path":"/Users/bea","version":"W/\"9.9\"","data":{"userName":"bea"}}`,
		`{"method":"DELETE","path":"/Users/nobody"}`,
		`{"method":"GET","path":"/Users/bea"}`,
		`{"method":"POST","path":"/Bulk","bulkId":"x","data":{}}`,
		`{"method":"PATCH","path":"/Users/bulkId:nobody","data":{}}`,
		`{"method":"POST","path":"/Users","data":{"userName":"cleo"}}`,
	))
	if got := a.statuses(); got != "201 201 200 412 404 400 400 409 400" {
		t.Errorf("%s: %s", got, a.text)
	}
	if got := s.serving("night-shift") + "/" + s.agent("ann").GetName(); got != "ann bea/Ann" {
		t.Error(got)
	}
	first := list(a.body["Operations"])[0].(object)
	if first["bulkId"] != "g" || first["location"] != "http://busyhour.example/scim/v2/acme/Groups/night-shift" || first["version"] == nil {
		t.Errorf("%v", first)
	}
	// Two that name each other, and one whose reference fails.
	a = s.wants(200, "POST /Bulk", bulkBody(0,
		`{"method":"POST","path":"/Groups","bulkId":"g1","data":{"displayName":"One","members":[{"value":"bulkId:g2"}]}}`,
		`{"method":"POST","path":"/Groups","bulkId":"g2","data":{"displayName":"Two","members":[{"value":"bulkId:g1"}]}}`,
		ann,
		`{"method":"DELETE","path":"/Users/bulkId:a"}`))
	if got := a.statuses(); got != "409 409 409 409" {
		t.Errorf("%s: %s", got, a.text)
	}
	const gone = `{"method":"DELETE","path":"/Users/nobody"}`
	if got := s.wants(200, "POST /Bulk", bulkBody(2, gone, gone, gone)).statuses(); got != "404 404" {
		t.Errorf("failOnErrors: %s", got)
	}
	s.wants(413, "POST /Bulk", bulkBody(0, strings.Split(strings.Repeat(gone+"\n", 101), "\n")[:101]...))
	s.wants(400, "POST /Bulk", bulkBody(0))
	s.wants(400, "POST /Bulk", bulkBody(0, `7`))
	s.wants(400, "POST /Bulk", bulkBody(0, ann, ann))
	s.wants(400, "POST /Bulk", `{"failOnErrors":"x","Operations":[`+gone+`]}`)
}
