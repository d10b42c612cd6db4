package link

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// ground is an echo server behind a door.
func ground(t *testing.T) (n *Net, door string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says who holds a socket")
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); c.Close() }()
		}
	}()
	var owners Owners
	owners.Add("somebody", func() int { return 1 })
	owners.Add("us", os.Getpid)
	n = New(owners.Of)
	t.Cleanup(n.Close)
	if err := n.Door("echo", "127.0.0.1:0", server.Addr().String()); err != nil {
		t.Fatal(err)
	}
	return n, n.doors[0].Addr().String()
}

var usToEcho = Pair{"us", "echo"}

func dial(t *testing.T, door string) *bufio.ReadWriter {
	t.Helper()
	c, err := net.Dial("tcp", door)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return bufio.NewReadWriter(bufio.NewReader(c), bufio.NewWriterSize(c, 0))
}

// answers says whether a new connection gets so far.
func answers(door string) bool {
	c, err := net.Dial("tcp", door)
	if err != nil {
		return false
	}
	defer c.Close()
	_, _ = fmt.Fprintln(c, "hello")
	_, err = bufio.NewReader(c).ReadString('\n')
	return err == nil
}

func say(c *bufio.ReadWriter, line string) error {
	fmt.Fprintln(c, line)
	return c.Flush()
}

func hear(t *testing.T, c *bufio.ReadWriter, want string) {
	t.Helper()
	if got, err := c.ReadString('\n'); err != nil || got != want+"\n" {
		t.Fatalf("heard %q, %v; want %q", got, err, want)
	}
}

func TestWhatPassesIsWhatWasSaid(t *testing.T) {
	_, door := ground(t)
	c := dial(t, door)
	_ = say(c, "hello")
	hear(t, c, "hello")
}

func TestACutResetsAndRefusesOnlyThePair(t *testing.T) {
	n, door := ground(t)
	c := dial(t, door)
	_ = say(c, "hello")
	hear(t, c, "hello")
	n.Set(Pair{"somebody", "echo"}, Rule{Cut: true})
	_ = say(c, "still here")
	hear(t, c, "still here")
	n.Set(usToEcho, Rule{Cut: true})
	if _, err := c.ReadString('\n'); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v, want a reset", err)
	}
	if answers(door) {
		t.Error("a cut link let a new connection in")
	}
	n.Heal()
	healed := dial(t, door)
	_ = say(healed, "hello")
	hear(t, healed, "hello")
}

func TestAHoleHoldsBackAndLosesNothing(t *testing.T) {
	n, door := ground(t)
	c := dial(t, door)
	_ = say(c, "one")
	hear(t, c, "one")
	n.Set(usToEcho, Rule{Hole: true})
	_ = say(c, "two")
	heard := make(chan string, 1)
	go func() { line, _ := c.ReadString('\n'); heard <- line }()
	select {
	case line := <-heard:
		t.Fatalf("a hole let %q through", line)
	case <-time.After(50 * time.Millisecond):
	}
	n.Set(usToEcho, Rule{})
	if line := <-heard; line != "two\n" {
		t.Errorf("heard %q", line)
	}
}

func TestWhoLeftIsNotServed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if left(c) {
		t.Error("who says nothing is taken for gone")
	}
	client.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil || !left(c) {
		t.Errorf("who left is taken for there: %v", err)
	}
}

func TestASlowLinkDelays(t *testing.T) {
	n, door := ground(t)
	n.Set(usToEcho, Rule{Slow: 20 * time.Millisecond})
	c := dial(t, door)
	began := time.Now()
	_ = say(c, "hello")
	hear(t, c, "hello")
	if took := time.Since(began); took < 40*time.Millisecond {
		t.Errorf("there and back in %s", took)
	}
}

func TestAServerThatIsDownRefuses(t *testing.T) {
	n, _ := ground(t)
	if err := n.Door("nobody", "127.0.0.1:0", "127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	if answers(n.doors[1].Addr().String()) {
		t.Error("something answered")
	}
}

func BenchmarkOwner(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	c, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var owners Owners
	owners.Add("us", os.Getpid)
	for b.Loop() {
		if who, err := owners.Of(c); who != "us" {
			b.Fatal(who, err)
		}
	}
}
