// Package e2e tests Busyhour from outside: the binaries as they are delivered, two processes of each service, on the
// real Kafka, Redis and NATS that the environment names (scripts/stack up), through nothing but the public APIs.
//
// The tests share one set of processes. Each has a tenant of its own, so that nobody sees another's calls; those that
// kill or restart processes leave them running and ready.
package e2e
