// Package desktop is the WebSocket of the agent's screens.
//
//	socket ─▶ screen.read ─▶ command ─▶ flow (presence), call-routing (acts)
//	socket ◀─ screen.write ◀─ queue ◀─ desk ◀─ NATS pushes, heartbeats, what this pod committed itself
//
// A screen is one socket. A desk is an agent with all of the agent's screens on this pod: it knows what they show, and
// what is new goes to all of them as one frame, encoded once.
package desktop
