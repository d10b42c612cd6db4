package edge

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// Anyone as a role of a rule lets everybody in, without a token too.
const Anyone = "anyone"

// Rule is a row of the table of who may do what: services hand it in, for this package knows no API. What has no rule,
// nobody may do.
type Rule struct {
	// Route is a connect procedure, such as /package.Service/Method, or a pattern that was given to Handle.
	Route string
	// Roles may do it for anybody of a tenant that is theirs.
	Roles []string
	// Self are roles that may do it only as the agent of their token.
	Self []string
	// Tenant is the field that names the tenant, dots leading inwards; of a plain route {tenant} in its pattern. Empty: no
	// tenant is named.
	Tenant string
	// Agent is the field that names whom it is done as, or to whom.
	Agent string
	// Within: the route itself asks, by Admit, for the token may come in its first message.
	Within bool
}

// Admits says whether somebody may send this message. m is nil where nothing was said yet: then it is only asked whether any
// role fits.
func (r *Rule) Admits(who *identity.Identity, m proto.Message) error {
	if who.Anonymous || r.public() {
		return nil
	}
	all := who.Has(r.Roles...)
	if !all && !who.Has(r.Self...) {
		return refusal.New(refusal.Denied, "ROLE_MISSING", "%s may not call %s", who.Subject, r.Route).
			To("it needs one of the roles " + strings.Join(append(append([]string{}, r.Roles...), r.Self...), ", ") + " in the token")
	}
	if m == nil {
		return nil
	}
	if r.Tenant != "" {
		if err := r.admitsTenants(who, named(m.ProtoReflect(), r.Tenant)); err != nil {
			return err
		}
	}
	if all {
		return nil
	}
	return r.admitsAgents(who, named(m.ProtoReflect(), r.Agent))
}

func (r *Rule) public() bool { return len(r.Roles) == 1 && r.Roles[0] == Anyone }

func (r *Rule) admitsTenants(who *identity.Identity, tenants []string) error {
	if len(tenants) == 0 {
		return refusal.New(refusal.Invalid, "TENANT_MISSING", "the request names no tenant").To("name it in " + r.Tenant)
	}
	for _, t := range tenants {
		if !who.Of(t) {
			return refusal.New(refusal.Denied, "TENANT_DENIED", "tenant %.64q is not one of %s", t, who.Subject).
				To("name a tenant of the token, or get a token that names this one")
		}
	}
	return nil
}

func (r *Rule) admitsAgents(who *identity.Identity, agents []string) error {
	if len(agents) == 0 {
		return refusal.New(refusal.Denied, "AGENT_DENIED", "%s asks for all agents, and may act as %q only", who.Subject, who.Agent).
			To("name that agent in " + r.Agent)
	}
	for _, a := range agents {
		if who.Agent == "" || a != who.Agent {
			return refusal.New(refusal.Denied, "AGENT_DENIED", "%s may act as agent %q only, not as %.64q", who.Subject, who.Agent, a).
				To("the claim of the token that names the agent is auth.claims.agent")
		}
	}
	return nil
}

// named are the texts at the end of a path of fields; those that are not set are left out.
func named(m protoreflect.Message, path string) []string {
	name, rest, inner := strings.Cut(path, ".")
	field := m.Descriptor().Fields().ByName(protoreflect.Name(name))
	if field == nil || !m.Has(field) {
		return nil
	}
	switch v := m.Get(field); {
	case inner:
		return named(v.Message(), rest)
	case field.IsList():
		var all []string
		for i := range v.List().Len() {
			all = append(all, v.List().Get(i).String())
		}
		return all
	default:
		return []string{v.String()}
	}
}
