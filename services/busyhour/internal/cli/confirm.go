package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// person says whether somebody at a terminal can answer.
func person(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && terminal(f)
}

// confirm asks, and is an error unless the answer is yes. The answer is read on a goroutine that outlives a question which
// ctx ended: a terminal cannot be told to stop reading. The process ends then.
func confirm(ctx context.Context, in io.Reader, to io.Writer, question string) error {
	fmt.Fprintf(to, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		if said := strings.ToLower(strings.TrimSpace(line)); said != "y" && said != "yes" {
			return errors.New("nothing was changed, for the answer was not y; --yes does not ask")
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("nothing was changed, for nobody has answered: %w", ctx.Err())
	}
}
