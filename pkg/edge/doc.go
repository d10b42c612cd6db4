// Package edge is where callers meet a service: one port that speaks HTTP/1.1 and HTTP/2 without TLS, and on it gRPC,
// gRPC-Web, Connect's JSON, WebSockets and pages.
//
//	request ─▶ request id ─▶ guard ─▶ metrics ─▶ trace ─▶ errors ─▶ admission ─▶ validation ─▶ handler
//	                           │                            ▲           └ the tenant and the agent that a message names
//	                           └ token, role, rate          every error leaves here, with a code of codes.go
package edge
