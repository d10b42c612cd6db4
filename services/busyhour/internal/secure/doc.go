// Package secure has the test that Busyhour runs over TLS, with the rights of package access and no others: on an Apache
// Kafka with SASL and an authorizer, a Redis with users and a NATS with permissions, which it starts for itself.
package secure
