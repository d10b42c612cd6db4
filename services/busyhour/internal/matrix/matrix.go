// Package matrix shows the table of access to people: who may call what.
package matrix

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/busyhour/busyhour/api/access"
)

// Markdown writes a table for each service, and one for the plain routes.
func Markdown(w io.Writer, table []access.Rule) error {
	var failed error
	say := func(format string, args ...any) {
		if _, err := fmt.Fprintf(w, format, args...); err != nil && failed == nil {
			failed = err
		}
	}
	at := "none yet"
	for _, r := range table {
		service, name := split(r.Route)
		if service != at {
			at = service
			say("\n| %s | %s | tenant | agent |\n|---|%s---|---|\n", heading(service), strings.Join(access.All, " | "), strings.Repeat("---|", len(access.All)))
		}
		say("| %s |", name)
		for _, role := range access.All {
			say(" %s |", cell(r, role))
		}
		say(" %s | %s |\n", code(r.Tenant), code(r.Agent))
	}
	return failed
}

// split a route into its service and its method; a plain route has no service.
func split(route string) (service, name string) {
	service, method, ok := strings.Cut(strings.TrimPrefix(route, "/"), "/")
	if !ok || method == "" || !strings.Contains(service, ".") {
		return "", "`" + route + "`"
	}
	return service, method
}

func heading(service string) string {
	if service == "" {
		return "plain routes"
	}
	return service
}

func cell(r access.Rule, role string) string {
	switch {
	case slices.Contains(r.Roles, access.Anyone):
		return "everybody"
	case slices.Contains(r.Roles, role):
		return "yes"
	case slices.Contains(r.Self, role):
		return "self"
	}
	return ""
}

func code(field string) string {
	if field == "" {
		return ""
	}
	return "`" + field + "`"
}
