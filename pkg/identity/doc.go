// Package identity says who asks. A bearer token, a JWT, is verified against the keys of its issuer and becomes an Identity:
// a subject, the tenants it may name, the agent it may act as, and its roles. What each of them may do is not said here, but
// by the rules of pkg/edge.
//
//	token ─▶ cache ─▶ signature (JWKS) ─▶ issuer, audience, time ─▶ claims ─▶ Identity
package identity
