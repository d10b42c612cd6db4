// Package simulate plays everybody who is outside of Busyhour: switches that carry calls, agents at their screens, and
// a busy hour of both. It speaks the public APIs only, so what it sees is what customers and agents see.
//
//	arrivals ──▶ Switch ──Stream──▶ SignalingService        (calls, numbered; resent until durable)
//	               ▲  wishes: ring, connect, hold, release
//	Ledger ◀───────┴──────────────┐
//	  │                           │
//	  ▼                         Agent ──Screen──▶ /ws/desktop  (cards in, accept and decline out)
//	Audit ──▶ Report
//
// A Stream, a Switch or a Screen is also of use alone: the end-to-end tests and the demo place single calls with them.
package simulate
