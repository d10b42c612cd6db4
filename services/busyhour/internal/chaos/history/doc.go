// Package history keeps what happened in a chaos run: one record for each thing that a sender, an agent, a screen, a
// fault or a sample of a metric did, and at the end all that Kafka and Redis hold. It is written as JSON, a line a record,
// while the run goes on, so that a run that breaks off leaves what it saw; package check judges it afterwards.
package history
