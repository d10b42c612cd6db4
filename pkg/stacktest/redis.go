//go:build stack

package stacktest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a redis-server of the test's own. It keeps an AOF in a directory of the test, written at once.
type Redis struct {
	Addr string
	// Dir has the AOF.
	Dir string

	t    testing.TB
	args []string
	cmd  *exec.Cmd
	rdb  *redis.Client
}

// StartRedis starts a server with further arguments, such as "--maxmemory", "4mb". It ends with the test.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	r := &Redis{Addr: freeAddress(t), Dir: t.TempDir(), t: t, args: args}
	r.rdb = redis.NewClient(&redis.Options{Addr: r.Addr, MaxRetries: -1})
	t.Cleanup(func() {
		_ = r.rdb.Close()
		r.Kill()
	})
	r.Start()
	return r
}

// Client of the server, for the test's own questions.
func (r *Redis) Client() *redis.Client { return r.rdb }

// Start starts it, on the data it had, and waits until it answers.
func (r *Redis) Start() {
	r.t.Helper()
	r.Launch()
	r.Await()
}

// Launch starts it and does not wait.
func (r *Redis) Launch() {
	r.t.Helper()
	_, port, err := net.SplitHostPort(r.Addr)
	if err != nil {
		r.t.Fatal(err)
	}
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		r.t.Fatalf("redis-server is not installed: %v", err)
	}
	args := []string{"--port", port, "--bind", "127.0.0.1", "--dir", r.Dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always",
		"--repl-diskless-sync-delay", "0", "--logfile", filepath.Join(r.Dir, "log")}
	r.cmd = exec.Command(binary, append(args, r.args...)...)
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
}

// Await waits until it answers and has loaded its data.
func (r *Redis) Await() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for r.rdb.Ping(ctx).Err() != nil {
		if ctx.Err() != nil {
			log, _ := os.ReadFile(filepath.Join(r.Dir, "log"))
			r.t.Fatalf("redis-server at %s does not answer:\n%s", r.Addr, log)
		}
		<-time.After(5 * time.Millisecond) // between two questions
	}
}

// Kill ends it at once, as a power cut does, and the children that it has forked to write files.
func (r *Redis) Kill() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Signal(syscall.SIGCONT)
	group := -r.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGKILL)
	_ = r.cmd.Wait()
	r.cmd = nil
	for until := time.Now().Add(time.Second); syscall.Kill(group, 0) == nil && time.Now().Before(until); {
		<-time.After(time.Millisecond) // a child that is dead and not buried yet counts as there
	}
}

// Stop stops its process: connections stay, nothing answers. Continue lets it go on.
func (r *Redis) Stop() { r.signal(syscall.SIGSTOP) }

// Continue is the end of Stop.
func (r *Redis) Continue() { r.signal(syscall.SIGCONT) }

func (r *Redis) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// Follow makes it a replica of another, and waits until it has its data.
func (r *Redis) Follow(primary *Redis) {
	r.t.Helper()
	host, port, _ := net.SplitHostPort(primary.Addr)
	r.Do("REPLICAOF", host, port)
	r.await("master_link_status:up")
}

// Promote makes it a primary.
func (r *Redis) Promote() {
	r.t.Helper()
	r.Do("REPLICAOF", "NO", "ONE")
	r.await("role:master")
}

func (r *Redis) await(what string) {
	r.t.Helper()
	late := time.After(20 * time.Second)
	for {
		info := r.rdb.Info(context.Background(), "replication").Val()
		if strings.Contains(info, what) {
			return
		}
		select {
		case <-late:
			r.t.Fatalf("%s: no %s in\n%s", r.Addr, what, info)
		case <-time.After(5 * time.Millisecond): // between two questions
		}
	}
}

// Do runs any command.
func (r *Redis) Do(args ...any) {
	r.t.Helper()
	if err := r.rdb.Do(context.Background(), args...).Err(); err != nil {
		r.t.Fatalf("%v: %v", args, err)
	}
}

// AOF is the file that commands are appended to.
func (r *Redis) AOF() string {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.Dir, "appendonlydir", "*.incr.aof"))
	if err != nil || len(files) == 0 {
		r.t.Fatalf("no AOF in %s: %v", r.Dir, err)
	}
	return files[len(files)-1]
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprintf("127.0.0.1:%d", l.Addr().(*net.TCPAddr).Port)
}
