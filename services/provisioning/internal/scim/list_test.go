package scim

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

// crowd is bea, ann who is away, and 20 others.
func crowd(t *testing.T) *site {
	s := newSite(t, Config{})
	s.bea()
	s.put(directory.AgentEntry("acme", "test", &provisioningv1.Agent{
		Id: "ann", Name: "ann lee", Deactivated: true, Skills: []*commonv1.Skill{{Name: "go", Level: 10}, {Name: "english", Level: 30}},
	}), "agent:ann")
	for i := range 20 {
		id := fmt.Sprintf("x%02d", i)
		s.put(directory.AgentEntry("acme", "test", &provisioningv1.Agent{Id: id, Name: "Extra"}), "agent:"+id)
	}
	return s
}

func parameters(values ...string) string {
	q := url.Values{}
	for i := 0; i < len(values); i += 2 {
		q.Set(values[i], values[i+1])
	}
	return "?" + q.Encode()
}

func TestFilters(t *testing.T) {
	s := crowd(t)
	ext := agentSchema
	for filter, want := range map[string]string{
		`userName eq "bea"`:                                            "bea",
		`USERNAME EQ "bea"`:                                            "bea",
		userSchema + `:userName eq "bea"`:                              "bea",
		`userName eq "BEA"`:                                            "",
		`id eq "ann"`:                                                  "ann",
		`externalId eq "00u-1"`:                                        "bea",
		`externalId eq "00u-1" and active eq true`:                     "bea",
		`externalId eq "00u-1" and active eq false`:                    "",
		`externalId eq "nobody"`:                                       "",
		`active eq false`:                                              "ann",
		`active eq "False"`:                                            "ann",
		`active ne true`:                                               "ann",
		`displayName eq "ANN LEE"`:                                     "ann",
		`displayName co "n l"`:                                         "ann",
		`displayName sw "Bea" or displayName ew "LEE"`:                 "ann bea",
		`name.formatted sw "bea"`:                                      "bea",
		`not (displayName eq "extra")`:                                 "ann bea",
		`not(displayName eq "extra") and active eq true`:               "bea",
		`userName eq "ann" or userName eq "bea" and active eq false`:   "ann",
		`(userName eq "ann" or userName eq "bea") and active eq false`: "ann",
		`phoneNumbers pr`:                                              "bea",
		`phoneNumbers eq "1002"`:                                       "bea",
		`phoneNumbers.value sw "10"`:                                   "bea",
		`phoneNumbers[type eq "work" and value co "00"]`:               "bea",
		`phoneNumbers[type eq "fax" and value co "00"]`:                "",
		ext + `:skills[name eq "english" and level gt 50]`:             "bea",
		ext + `:skills[name eq "english" and level le 30]`:             "ann",
		ext + `:skills.name eq "english"`:                              "ann bea",
		ext + `:skills.level ge 80`:                                    "bea",
		ext + `:queues eq "sales"`:                                     "bea",
		`groups.value eq "sales"`:                                      "bea",
		`groups.display eq "SALES"`:                                    "bea",
		`externalId pr`:                                                "bea",
		`userName lt "b"`:                                              "ann",
		`displayName eq "Bea \u00c5ng"`:                                "bea",
		`meta.lastModified lt "2026-01-01T00:00:03.5Z" and meta.lastModified gt "2026-01-01T00:00:02Z"`: "ann",
		`externalId eq null and active eq false`:                                                        "ann",
		`nickName eq "x"`:                                                                               "",
		`nickName pr`:                                                                                   "",
	} {
		if got := s.wants(200, "GET /Users"+parameters("filter", filter), "").ids(); got != want {
			t.Errorf("%s: %q, want %q", filter, got, want)
		}
	}
}

func TestFiltersThatCannotBeRead(t *testing.T) {
	s := crowd(t)
	for _, filter := range []string{
		`userName`, `userName eq`, `eq "x"`, `userName is "x"`, `userName eq x`, `userName eq "x`, `userName eq "x" and`, `(userName pr`,
		`userName pr)`, `userName eq "x" userName pr`, `not userName pr`, `phoneNumbers[type eq "work"`, `userName eq "\q"`, `active gt true`,
		`userName co 5`, `.x pr`, `a..b pr`, `"x" eq userName`, `[a pr]`, `phoneNumbers[]`,
		strings.Repeat("(", 1000) + "userName pr" + strings.Repeat(")", 1000), `userName eq "` + strings.Repeat("x", 9000) + `"`,
	} {
		if a := s.wants(400, "GET /Users"+parameters("filter", filter), ""); a.body["scimType"] != invalidFilter {
			t.Errorf("%s: %s", short(filter), a.text)
		}
	}
}

func TestWhoIsNamedIsReadAlone(t *testing.T) {
	s := crowd(t)
	for _, filter := range []string{`userName eq "bea"`, `externalId eq "00u-1"`, `active eq true and externalId eq "00u-1"`, `groups[value eq "sales"]`} {
		s.reads = 0
		if got := s.wants(200, "GET /Users"+parameters("filter", filter), "").ids(); got != "bea" {
			t.Errorf("%s: %q", filter, got)
		}
		if s.reads > 2 { // the agent and their queue
			t.Errorf("%s: %d records read", filter, s.reads)
		}
	}
	for _, filter := range []string{`id eq "sales"`, `members eq "bea"`, `members[value eq "bea"]`, `id eq "sales" and members.value eq "bea"`, `displayName eq "SALES"`} {
		if got := s.wants(200, "GET /Groups"+parameters("filter", filter), "").ids(); got != "sales" {
			t.Errorf("%s: %q", filter, got)
		}
	}
	if got := s.wants(200, "GET /Groups"+parameters("filter", `id eq "sales" and members eq "ann"`), "").ids(); got != "" {
		t.Errorf("somebody else's: %q", got)
	}
}

func TestPages(t *testing.T) {
	s := crowd(t)
	for _, c := range []struct {
		query      []string
		ids        string
		total, per int
	}{
		{[]string{"count", "2"}, "ann bea", 22, 2},
		{[]string{"startIndex", "2", "count", "2"}, "bea x00", 22, 2},
		{[]string{"startIndex", "22"}, "x19", 22, 1},
		{[]string{"startIndex", "99"}, "", 22, 0},
		{[]string{"startIndex", "-3", "count", "1"}, "ann", 22, 1},
		{[]string{"count", "0"}, "", 22, 0},
		{[]string{"count", "-1"}, "", 22, 0},
		{[]string{"sortBy", "userName", "sortOrder", "descending", "count", "2"}, "x19 x18", 22, 2},
		{[]string{"sortBy", "displayName", "count", "2"}, "ann bea", 22, 2},
		{[]string{"sortBy", "externalId", "count", "2"}, "bea ann", 22, 2},
		{[]string{"sortBy", "active", "count", "1"}, "ann", 22, 1},
		{[]string{"sortBy", "name.formatted", "sortOrder", "descending", "count", "1"}, "x00", 22, 1},
		{[]string{"filter", "active eq true", "startIndex", "21", "count", "5"}, "x19", 21, 1},
		{[]string{"filter", `userName sw "x"`, "sortBy", "meta.lastModified", "sortOrder", "descending", "count", "1"}, "x19", 20, 1},
	} {
		a := s.wants(200, "GET /Users"+parameters(c.query...), "")
		if a.ids() != c.ids || a.body["totalResults"] != float64(c.total) || a.body["itemsPerPage"] != float64(c.per) {
			t.Errorf("%v: %s of %v, %v on the page; want %s of %d", c.query, a.ids(), a.body["totalResults"], a.body["itemsPerPage"], c.ids, c.total)
		}
	}
	for _, q := range [][]string{{"count", "x"}, {"startIndex", "1.5"}, {"sortBy", "nickName"}, {"sortOrder", "up"}, {"attributes", "id", "excludedAttributes", "name"}} {
		s.wants(400, "GET /Users"+parameters(q...), "")
	}
	search := s.wants(200, "POST /Users/.search", `{"schemas":["`+searchSchema+`"],"filter":"userName sw \"x\"","count":1,"attributes":["userName"]}`)
	if search.ids() != "x00" || search.body["totalResults"] != 20.0 {
		t.Errorf("search: %s", search.text)
	}
}

func TestAttributes(t *testing.T) {
	s := crowd(t)
	names := func(o object) string {
		var all []string
		for _, n := range []string{"id", "schemas", "meta", "userName", "displayName", "name", "active", "phoneNumbers", "groups", agentSchema, "externalId"} {
			if has(o, n) {
				all = append(all, strings.TrimPrefix(n, "urn:busyhour:params:scim:schemas:extension:"))
			}
		}
		return strings.Join(all, " ")
	}
	ext := strings.TrimPrefix(agentSchema, "urn:busyhour:params:scim:schemas:extension:")
	for q, want := range map[string]string{
		"attributes=userName":                                                "id schemas userName",
		"attributes=USERNAME,%20name.formatted":                              "id schemas userName name",
		"attributes=nickName":                                                "id schemas",
		"attributes=" + agentSchema:                                          "id schemas " + ext,
		"attributes=" + agentSchema + ":skills":                              "id schemas " + ext,
		"attributes=" + userSchema + ":active":                               "id schemas active",
		"excludedAttributes=id,meta,groups,name,phoneNumbers," + agentSchema: "id schemas userName displayName active externalId",
		"excludedAttributes=name.formatted":                                  "id schemas meta userName displayName name active phoneNumbers groups " + ext + " externalId",
	} {
		if got := names(s.wants(200, "GET /Users/bea?"+q, "").body); got != want {
			t.Errorf("%s: %s, want %s", q, got, want)
		}
	}
	a := s.wants(200, "GET /Users/bea?attributes=phoneNumbers.value,"+agentSchema+":skills.level,"+agentSchema+":queues", "")
	if got := fmt.Sprint(a.body["phoneNumbers"], a.body[agentSchema]); got != "[map[value:1002]] map[queues:[sales] skills:[map[level:80]]]" {
		t.Error(got)
	}
	a = s.wants(200, "GET /Users/bea?excludedAttributes=phoneNumbers.type,"+agentSchema+":skills", "")
	if got := fmt.Sprint(a.body["phoneNumbers"], a.body[agentSchema]); got != "[map[value:1002]] map[capacity:[map[channel:chat contacts:3]] queues:[sales]]" {
		t.Error(got)
	}
	if a := s.wants(200, "GET /Groups/sales?excludedAttributes=members", ""); has(a.body, "members") {
		t.Error(a.text)
	}
}
