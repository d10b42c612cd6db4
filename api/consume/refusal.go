package consume

import (
	"errors"
	"fmt"
)

// Refusal is an error that no repetition will mend: the record goes to the dead letters, and the partition moves on.
type Refusal struct {
	// Code for machines, UPPER_SNAKE_CASE.
	Code string
	// Words say what is wrong.
	Words string
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Words }

// Refuse is what a handler returns for a record that it will never be able to take. Any other error is taken for a failure
// of the world, and the record is handed out again.
func Refuse(code, format string, args ...any) error {
	return &Refusal{Code: code, Words: fmt.Sprintf(format, args...)}
}

func refusalIn(err error) (*Refusal, bool) {
	var r *Refusal
	return r, errors.As(err, &r)
}
