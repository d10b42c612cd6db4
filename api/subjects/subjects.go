// Package subjects names the NATS subjects. Ids are encoded, for a NATS token cannot hold dots, spaces, * or >.
package subjects

import (
	"encoding/base32"
	"strings"
)

const root = "busyhour.v1"

// Workload carries routingv1.WorkloadPush to the pods that hold the agent's screens.
func Workload(tenant, agent string) string { return join(tenant, "agent", agent, "workload") }

// Presence carries presencev1.PresencePush to routing and to the agent's screens.
func Presence(tenant, agent string) string { return join(tenant, "agent", agent, "presence") }

// Agent matches all that is pushed about one agent: Workload and Presence. The last token tells them apart.
func Agent(tenant, agent string) string { return join(tenant, "agent", agent) + ".*" }

// EveryPresence matches the presence of every agent of every tenant.
func EveryPresence() string { return root + ".*.agent.*.presence" }

// EveryWorkload matches the workload of every agent of every tenant.
func EveryWorkload() string { return root + ".*.agent.*.workload" }

// EveryAgent matches all that is pushed about every agent.
func EveryAgent() string { return root + ".*.agent.*.*" }

// EverySwitch matches what is pushed to every switch.
func EverySwitch() string { return root + ".*.switch.*" }

// TenantPresence matches the presence of every agent of one tenant.
func TenantPresence(tenant string) string { return root + "." + token(tenant) + ".agent.*.presence" }

// Switch carries routingv1.SwitchPush to the pod that holds the switch's stream.
func Switch(tenant, id string) string { return join(tenant, "switch", id) }

// EveryDirectory matches the directory changes of every tenant.
func EveryDirectory() string { return root + ".*.directory.*" }

// Directory carries provisioningv1.DirectoryEntry to routing and presence.
func Directory(tenant, entity string) string { return join(tenant, "directory", entity) }

func join(tenant string, parts ...string) string {
	var b strings.Builder
	b.WriteString(root)
	b.WriteByte('.')
	b.WriteString(token(tenant))
	for _, p := range parts {
		b.WriteByte('.')
		b.WriteString(token(p))
	}
	return b.String()
}

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// token leaves plain ids readable and encodes the rest behind a "=", which no plain id begins with.
func token(id string) string {
	for i := range len(id) {
		c := id[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
		if !plain {
			return "=" + encoding.EncodeToString([]byte(id))
		}
	}
	if id == "" {
		return "="
	}
	return id
}
