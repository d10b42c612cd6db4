// Package scim is the way in for identity providers: a SCIM 2.0 server (RFC 7643, RFC 7644), mounted under
// /scim/v2/{tenant}/. Users are agents, groups are queues.
//
//	request ─▶ token ─▶ body ─▶ the resource as it stands ─▶ as it is wanted ─▶ items ─▶ a job ─▶ what became of them
//
// It changes the directory through jobs only, as everybody who changes many does; what it reads, it reads there itself.
package scim
