package presence_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
)

// TestFootprintOfAScreen measures what a connected screen costs: BUSYHOUR_FOOTPRINT=2000 go test -run Footprint -v .
// Its clients are bare sockets; the embedded servers, whose memory is counted too, make up about a third of the heap.
func TestFootprintOfAScreen(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("BUSYHOUR_FOOTPRINT"))
	if n == 0 {
		n = 100
	}
	s := newStage(t)
	agents := make([]string, n)
	for i := range agents {
		agents[i] = fmt.Sprintf("agent-%05d", i)
	}
	s.hire(agents...)
	cfg := quick()
	cfg.Desktop.Heartbeat, cfg.Desktop.Silence = 5*time.Second, 3*time.Hour
	p := s.startPod("pod-a", cfg)
	p.logIn(t, agents[0], "").conn.CloseNow()
	before := measure()
	for i, id := range agents {
		defer bareScreen(t, strings.TrimPrefix(p.url, "http://"), id).Close()
		if i%100 == 99 { // the embedded Redis takes a few hundred log-ins a second
			s.await("they are in", func() bool { return p.metric(t, "busyhour_presence_agents") >= float64(i) })
		}
	}
	s.await("all are there", func() bool {
		return p.metric(t, "busyhour_screens_connected") == float64(n) && len(s.index("online")) >= n
	})
	beats := p.metric(t, "busyhour_screen_frames_total", "heartbeat")
	s.await("all have a heartbeat", func() bool { return p.metric(t, "busyhour_screen_frames_total", "heartbeat") >= beats+float64(n) })
	after := measure()
	goroutines := after.goroutines - before.goroutines
	t.Logf("%d screens: %.1f KiB heap, %.1f KiB stacks, %.2f goroutines each", n,
		float64(after.heap-before.heap)/1024/float64(n), float64(after.stacks-before.stacks)/1024/float64(n), float64(goroutines)/float64(n))
	if most := int64(3*n + 100); goroutines > most { // the servers and their clients have some too
		t.Errorf("%d goroutines for %d screens: one reads, one writes, one hears of the agent", goroutines, n)
	}
}

type footprint struct{ heap, stacks, goroutines int64 }

func measure() footprint {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{int64(m.HeapAlloc), int64(m.StackInuse), int64(runtime.NumGoroutine())}
}

// bareScreen logs in and then neither reads nor writes.
func bareScreen(t *testing.T, addr, agent string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /ws/desktop HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", addr)
	r := bufio.NewReaderSize(conn, 512)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "\r\n" {
			break
		}
	}
	body, err := protojson.Marshal(&presencev1.ClientFrame{Frame: &presencev1.ClientFrame_LogIn{LogIn: &presencev1.LogIn{Tenant: tenant, AgentId: agent}}})
	if err != nil {
		t.Fatal(err)
	}
	frame := []byte{0x81, 0x80 | 126, 0, 0, 0, 0, 0, 0} // one text frame, masked with zeros
	binary.BigEndian.PutUint16(frame[2:], uint16(len(body)))
	if _, err := conn.Write(append(frame, body...)); err != nil {
		t.Fatal(err)
	}
	return conn
}
