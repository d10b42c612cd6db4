package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/busyhour/busyhour/pkg/config"
)

// Main is the main function of a binary: it runs until SIGTERM or SIGINT, which end run's context; a second one ends
// the process at once. An error becomes one line, and exit code 1, or an Exit's.
func Main(service string, run func(ctx context.Context, args []string) error) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	ctx, cancel := context.WithCancelCause(context.Background())
	go stopOn(signals, cancel, os.Exit)
	os.Exit(exitCode(os.Stderr, service, run(ctx, os.Args[1:])))
}

// Exit is an error with an exit code of its own.
type Exit struct {
	Code int
	Err  error
}

func (e *Exit) Error() string { return e.Err.Error() }
func (e *Exit) Unwrap() error { return e.Err }

// stopOn waits for two signals, or more if exit is a test's.
func stopOn(signals <-chan os.Signal, stop context.CancelCauseFunc, exit func(code int)) {
	first := <-signals
	stop(fmt.Errorf("%s: %w", first, context.Canceled))
	second := <-signals
	code := 1
	if number, ok := second.(syscall.Signal); ok {
		code = 128 + int(number) // as a shell reports it
	}
	exit(code)
}

func exitCode(w io.Writer, service string, err error) int {
	if err == nil || errors.Is(err, config.ErrHelp) {
		return 0
	}
	fmt.Fprintf(w, "%s: %v\n", service, err)
	var exit *Exit
	if errors.As(err, &exit) {
		return exit.Code
	}
	return 1
}
