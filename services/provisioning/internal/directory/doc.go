// Package directory decides what may become of the directory: which change of an agent or a queue is made, and which is
// refused. It reads no clock and opens nothing; what is there, what is wished and the time are handed to it.
package directory
