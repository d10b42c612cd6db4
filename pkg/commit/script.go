package commit

import (
	"context"
	_ "embed"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed load.lua
var loadSource string

//go:embed commit.lua
var commitSource string

//go:embed drained.lua
var drainedSource string

//go:embed claim.lua
var claimSource string

// script runs by its hash, and is loaded when Redis says that it does not know it. NOSCRIPT means no more than that:
// whether the state is verified is the mark's to say.
type script struct{ *redis.Script }

func newScript(source string) script { return script{redis.NewScript(source)} }

// once is a command that go-redis must not send again by itself: after a time-out its outcome is unknown, and only the
// caller knows how to find out.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

// runner is a client, or one of its connections.
type runner interface {
	redis.Scripter
	Process(ctx context.Context, cmd redis.Cmder) error
}

// run runs a script that answers with a list.
func (s script) run(ctx context.Context, rdb runner, keys []string, args []any) ([]any, error) {
	cmd, err := s.try(ctx, rdb, keys, args)
	if err != nil {
		return nil, err
	}
	return cmd.Slice()
}

// runText runs a script that answers with one string.
func (s script) runText(ctx context.Context, rdb runner, keys []string, args []any) (string, error) {
	cmd, err := s.try(ctx, rdb, keys, args)
	if err != nil {
		return "", err
	}
	return cmd.Text()
}

func (s script) try(ctx context.Context, rdb runner, keys []string, args []any) (*redis.Cmd, error) {
	cmd, err := s.evalSha(ctx, rdb, keys, args)
	if err == nil || !strings.HasPrefix(err.Error(), "NOSCRIPT") {
		return cmd, err
	}
	if err := s.Load(ctx, rdb).Err(); err != nil {
		return nil, err
	}
	return s.evalSha(ctx, rdb, keys, args)
}

func (s script) evalSha(ctx context.Context, rdb runner, keys []string, args []any) (*redis.Cmd, error) {
	line := make([]any, 0, 3+len(keys)+len(args))
	line = append(line, "evalsha", s.Hash(), len(keys))
	for _, k := range keys {
		line = append(line, k)
	}
	cmd := once{redis.NewCmd(ctx, append(line, args...)...)}
	cmd.SetFirstKeyPos(3)
	return cmd.Cmd, rdb.Process(ctx, cmd)
}
