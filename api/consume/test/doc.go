// Package test runs api/consume against the embedded broker. It is a module of its own, so that whoever uses the kit does
// not get a broker with it.
package test
