// Package refusal is the domain saying no: typed, coded, for the caller, and not an error of ours.
package refusal

import (
	"errors"
	"fmt"
)

// Code says what kind of no it is; the edge maps it to the codes of gRPC and HTTP.
type Code int

const (
	// Invalid: the command itself is wrong; the same again will be refused again.
	Invalid Code = iota + 1
	// NotFound: it names something that is not there.
	NotFound
	// Exists: it would make something that is there.
	Exists
	// Impossible: the record stands where this command cannot move it.
	Impossible
	// Denied: it is not the caller's to do.
	Denied
	// Full: a limit is reached; later it may pass.
	Full
	// Unavailable: the state is not verified, or a server is away; the same again will pass later.
	Unavailable
	// Unauthenticated: nobody knows who asks.
	Unauthenticated
)

// Refusal names the reason, the record and the revision that refused, and what to do.
type Refusal struct {
	Code Code
	// Reason is machine-readable, UPPER_SNAKE_CASE and stable.
	Reason string
	// Record is the name of the record that refused, for instance "contact:c-42".
	Record string
	// Epoch and N are its revision; zero if it does not exist.
	Epoch, N uint32
	// Message is for people.
	Message string
	// Help says what the caller can do.
	Help string
}

func (r *Refusal) Error() string {
	text := r.Message
	if r.Record != "" {
		text = fmt.Sprintf("%s (%s at revision %d.%d)", text, r.Record, r.Epoch, r.N)
	}
	if r.Help != "" {
		text += ": " + r.Help
	}
	return text
}

// New makes a refusal that names no record.
func New(code Code, reason, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// At names the record that refused, and its revision.
func (r *Refusal) At(record string, epoch, n uint32) *Refusal {
	r.Record, r.Epoch, r.N = record, epoch, n
	return r
}

// To says what the caller can do.
func (r *Refusal) To(help string) *Refusal {
	r.Help = help
	return r
}

// As finds the refusal in an error.
func As(err error) (*Refusal, bool) {
	var r *Refusal
	ok := errors.As(err, &r)
	return r, ok
}
