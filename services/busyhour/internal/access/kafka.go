package access

import (
	"fmt"
	"io"
	"strings"

	"github.com/busyhour/busyhour/pkg/eventlog"
)

// Topics is the user of "busyhour topics".
const Topics = "busyhour-topics"

// Grants are those of all services, and of who makes their topics.
func Grants() (all []eventlog.Grant) {
	for _, s := range Services() {
		all = append(all, s.grants()...)
		all = append(all, eventlog.Grant{User: Topics, Kind: eventlog.Topic, Name: s.Name + ".", Prefix: true,
			Operations: []string{"Create", "Describe", "DescribeConfigs", "Alter", "AlterConfigs"}})
	}
	return all
}

// grants leave out Describe: who may read or write may do that, too.
func (s Service) grants() (all []eventlog.Grant) {
	add := func(kind eventlog.ResourceKind, operation string, prefix bool, names []string) {
		for _, n := range names {
			all = append(all, eventlog.Grant{User: s.Name, Kind: kind, Name: n, Prefix: prefix, Operations: []string{operation}})
		}
	}
	add(eventlog.Topic, "Read", false, s.Consumes)
	add(eventlog.Topic, "Write", false, s.Produces)
	add(eventlog.ConsumerGroup, "Read", false, s.Groups)
	add(eventlog.Transaction, "Write", true, s.Transactions)
	return all
}

// Kafka writes the grants as commands of Kafka's own tool.
func Kafka(w io.Writer) {
	fmt.Fprintln(w, `# For a cluster with an authorizer; "busyhour access kafka --apply" gives the same rights. ADMIN is your own file of properties.`)
	flags := map[eventlog.ResourceKind]string{eventlog.Topic: "--topic", eventlog.ConsumerGroup: "--group", eventlog.Transaction: "--transactional-id"}
	for _, g := range Grants() {
		pattern := ""
		if g.Prefix {
			pattern = " --resource-pattern-type prefixed"
		}
		fmt.Fprintf(w, "kafka-acls.sh --bootstrap-server BROKER:9092 --command-config ADMIN --add --allow-principal User:%s --operation %s %s %s%s\n",
			g.User, strings.Join(g.Operations, " --operation "), flags[g.Kind], g.Name, pattern)
	}
}
