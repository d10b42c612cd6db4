package scim

import (
	"encoding/json"
	"net/http"
	"testing"
)

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`userName eq "bea"`, `not (a pr) and b gt 1.5 or phoneNumbers[type eq "work"]`, agentSchema + `:skills[level ge 3]`, `a eq "\u00e9"`, `((((`, `x[`, `a eq null`,
	} {
		f.Add(seed)
	}
	s := newMemory()
	s.bea()
	user := userOf(s.agent("bea"), func(id string) string { return id }, "")
	f.Fuzz(func(t *testing.T, text string) {
		if parsed, err := userType.parseFilter(text); err == nil {
			parsed.match(user)
			equalities(parsed)
		} else if problemOf(err).scimType != invalidFilter {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func FuzzPatch(f *testing.F) {
	for _, seed := range [][3]string{
		{"add", `phoneNumbers[type eq "work"].value`, `"7"`}, {"replace", agentSchema, `{"skills":[]}`}, {"remove", agentSchema + ":skills", `[{"name":"english"}]`},
		{"replace", "", `{"name":{"formatted":"x"},"a.b":1}`}, {"add", "skills[", `null`}, {"remove", `phoneNumbers[value co "1"].type`, ``}, {"add", "name", `7`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	s := newMemory()
	s.bea()
	before := s.agent("bea")
	user := userOf(before, func(id string) string { return id }, "")
	f.Fuzz(func(t *testing.T, op, path, value string) {
		body := []byte(`{"Operations":[{"op":` + text(op) + `,"path":` + text(path) + `,"value":` + value + `}]}`)
		o, err := decode(body)
		if err != nil {
			return
		}
		operations, err := readPatch(o)
		if err != nil {
			wantBad(t, err)
			return
		}
		wanted, err := userType.patch(user, operations)
		if err == nil {
			_, err = agentOf(wanted, before, true)
		}
		if err != nil {
			wantBad(t, err)
		}
		if again, err := agentOf(user, before, true); err != nil || again.GetName() != before.GetName() {
			t.Fatalf("the original has changed: %v, %v", again, err)
		}
	})
}

func text(s string) string {
	quoted, _ := json.Marshal(s)
	return string(quoted)
}

func wantBad(t *testing.T, err error) {
	if p := problemOf(err); p.status != http.StatusBadRequest {
		t.Errorf("%d %v", p.status, err)
	}
}
