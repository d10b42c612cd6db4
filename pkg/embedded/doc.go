// Package embedded starts Kafka, Redis and NATS inside this process, on loopback ports, for tests and for the laptop.
//
// The servers are real enough that the same adaptors, scripts and topics run against them unchanged. They are not for
// production: one broker without replicas, a Redis without persistence, and no way to scale any of them. What differs
// from the real servers and matters to us:
//
//   - Kafka (kfake) runs in one goroutine; with a data directory it survives a clean Close, not a power cut.
//   - Redis (miniredis) takes about 0.4 ms for a script and runs one at a time; it is empty after every start.
//   - NATS (nats-server) is the real thing.
package embedded
