// Package access is the table of who may do what: one row for each method and each page. What is not in it, nobody may do.
// The rows are carried out at the edge of each service, before anything else; docs/security.md shows them.
package access

// Roles, as they stand in tokens.
const (
	// Agent takes contacts, and acts as themself only.
	Agent = "agent"
	// Supervisor looks after agents and calls.
	Supervisor = "supervisor"
	// Switch carries calls.
	Switch = "switch"
	// Admin runs a contact centre: people, queues, jobs. Admins may act as any agent.
	Admin = "admin"
	// Service is another program, such as workforce management or an identity provider.
	Service = "service"
	// Anyone is everybody, without a token too.
	Anyone = "anyone"
)

// All roles of tokens.
var All = []string{Agent, Supervisor, Switch, Admin, Service}

// Rule is a row.
type Rule struct {
	// Route is the full name of a method, or a pattern of plain routes.
	Route string
	// Roles may do it for anybody of a tenant that is theirs.
	Roles []string
	// Self are roles that may do it only as the agent of their token.
	Self []string
	// Tenant is the field that names the tenant, dots leading inwards; of a plain route {tenant} in its pattern.
	Tenant string
	// Agent is the field that names whom it is done as, or to whom.
	Agent string
	// Within: the token may come in the first message, so the route asks for it itself.
	Within bool
}
