package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/busyhour/busyhour/pkg/config"
)

func TestTheSecondSignalEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 2)
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		exited := 0
		go stopOn(signals, cancel, func(code int) { exited = code })

		signals <- syscall.SIGTERM
		synctest.Wait()
		if cause := context.Cause(ctx); ctx.Err() == nil || cause.Error() != "terminated: context canceled" || exited != 0 {
			t.Fatalf("after one signal: %v, exited %d", cause, exited)
		}
		signals <- syscall.SIGINT
		synctest.Wait()
		if exited != 130 {
			t.Errorf("exited %d", exited)
		}
	})
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		line string
	}{
		{nil, 0, ""},
		{fmt.Errorf("x: %w", config.ErrHelp), 0, ""},
		{errors.New("redis: away"), 1, "thing: redis: away\n"},
		{fmt.Errorf("job 7: %w", &Exit{2, errors.New("one failed")}), 2, "thing: job 7: one failed\n"},
	} {
		var b strings.Builder
		if code := exitCode(&b, "thing", c.err); code != c.code || b.String() != c.line {
			t.Errorf("%v: %d %q", c.err, code, b.String())
		}
	}
}
