// Package stacktest starts real servers that a test may hurt: killed, stopped, filled, made replicas of one another. The
// servers that all tests share are scripts/stack's.
package stacktest
