package access

import (
	"fmt"
	"io"
	"strings"
)

// NATS writes users as the configuration of nats-server has them. Their passwords come from its environment.
func NATS(w io.Writer) {
	fmt.Fprintln(w, "# For nats-server's configuration. Passwords come from its environment; nkeys or accounts do as well, with these permissions.")
	fmt.Fprintln(w, "authorization {\n  users = [")
	for _, s := range Services() {
		variable := "NATS_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
		fmt.Fprintf(w, "    {\n      user: %q, password: $%s\n      permissions: {\n", s.Name, variable)
		fmt.Fprintf(w, "        publish: %s\n        subscribe: %s\n      }\n    }\n", allowed(s.Tells), allowed(s.Hears))
	}
	fmt.Fprintln(w, "  ]\n}")
}

func allowed(all []string) string {
	if len(all) == 0 {
		return `{deny: ">"}`
	}
	return `{allow: ["` + strings.Join(all, `", "`) + `"]}`
}
