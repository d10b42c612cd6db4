package identity

import (
	"context"
	"slices"
	"time"
)

// Every is the tenant of a token that may name any.
const Every = "*"

// Identity is who asks. Nobody changes it once it is made.
type Identity struct {
	Subject string
	// Tenants that it may name; Every stands for all.
	Tenants []string
	// Agent that it may act as; empty: none.
	Agent string
	Roles []string
	// Expires is when the token is worth nothing any more; zero: never.
	Expires time.Time
	// Anonymous came without a token, where that is allowed. It may do everything.
	Anonymous bool

	token string
}

// Has says whether it has one of the roles.
func (i *Identity) Has(roles ...string) bool {
	return slices.ContainsFunc(i.Roles, func(r string) bool { return slices.Contains(roles, r) })
}

// Of says whether it may name the tenant.
func (i *Identity) Of(tenant string) bool {
	return slices.ContainsFunc(i.Tenants, func(t string) bool { return t == tenant || t == Every })
}

// Token is what it was made from, to pass on to services that are asked on its behalf.
func (i *Identity) Token() string {
	if i == nil {
		return ""
	}
	return i.token
}

// Actor is who is written down for what is asked for: the caller's own words, and whose they are. A name alone can be
// anybody's.
func Actor(ctx context.Context, says string) string {
	i := From(ctx)
	switch {
	case i == nil || i.Anonymous || says == i.Subject:
		return says
	case says == "":
		return i.Subject
	}
	const most = 128 // as the contracts have it
	whose := " (" + i.Subject + ")"
	return says[:max(0, min(len(says), most-len(whose)))] + whose
}

type identityKey struct{}

// With puts who asks into the context.
func With(ctx context.Context, i *Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, i)
}

// From is who asks, or nil where nobody was asked.
func From(ctx context.Context) *Identity {
	i, _ := ctx.Value(identityKey{}).(*Identity)
	return i
}
