// Package fanout tells whoever is listening now, at once and at most once. It is the one home of the NATS client.
//
// What it carries is never the only copy: a message names a revision, and who sees a gap asks for the state. So nothing is
// buffered for later. While the server is away Publish fails, a subscriber that is too slow loses messages (they are
// counted), and after a reconnect OnReconnect says that messages may be missing.
package fanout
