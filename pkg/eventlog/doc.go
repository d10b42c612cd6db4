// Package eventlog writes and reads the log of what happened. It is the one home of the Kafka client: everybody else
// sees messages, offsets and outcomes.
//
// Producer appends and tells when a message is safe. Group hands each record to a handler and moves its offset only when
// the outcome is durable. EpochLog numbers the reigns of verified state, and FenceTopic, ReadTopic and Voider are what
// recovery reads the log back with. Ensure makes the topics as the plan has them. DESIGN.md says what was measured.
package eventlog
