package bench

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/fanout"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

//go:embed floor.lua
var floorScript string

// floor is the least that the way from a signal to a screen can cost on this machine and these servers: one small
// script, one hop over NATS, one WebSocket write, and nothing else.
//
//	due ─▶ EVALSHA ─▶ publish ═NATS═▶ subscription ─▶ WebSocket write ═▶ read
type floor struct {
	redis  *redis.Client
	sha    string
	nats   *fanout.Conn
	sub    *fanout.Subscription
	server *http.Server
	screen *websocket.Conn // the client's end

	mu   sync.Mutex
	due  map[uint64]time.Time
	hist *simulate.Histogram
	next uint64
}

const (
	floorSubject = "busyhour.bench.floor"
	floorKey     = "{bench}:floor:"
	cardBytes    = 400 // about what a work card takes
)

func openFloor(ctx context.Context, s fleet.Servers) (*floor, error) {
	f := &floor{
		redis: redis.NewClient(&redis.Options{Addr: s.Redis[0], DB: s.RedisDB, MaxRetries: -1, ContextTimeoutEnabled: true}),
		due:   map[uint64]time.Time{}, hist: simulate.NewHistogram(),
	}
	var err error
	if f.sha, err = f.redis.ScriptLoad(ctx, floorScript).Result(); err != nil {
		return nil, fmt.Errorf("floor: redis: %w", err)
	}
	if f.nats, err = fanout.Dial(fanout.Config{URL: s.NATS, Name: "bench-floor", Logger: zap.NewNop()}); err != nil {
		return nil, fmt.Errorf("floor: nats: %w", err)
	}
	if err := f.openScreen(ctx); err != nil {
		return nil, fmt.Errorf("floor: websocket: %w", err)
	}
	return f, nil
}

// openScreen connects a WebSocket to ourselves; what comes by NATS is written to it.
func (f *floor) openScreen(ctx context.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	subscribed := make(chan error, 1)
	f.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			subscribed <- err
			return
		}
		f.sub, err = f.nats.Subscribe(floorSubject, func(ctx context.Context, _ string, data []byte) {
			_ = c.Write(ctx, websocket.MessageBinary, data)
		})
		soon, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		subscribed <- errors.Join(err, f.nats.Flush(soon))
		<-c.CloseRead(context.Background()).Done()
	})}
	go func() { _ = f.server.Serve(l) }() // ends with close
	if f.screen, _, err = websocket.Dial(ctx, "ws://"+l.Addr().String(), nil); err != nil {
		return err
	}
	if err := <-subscribed; err != nil {
		return err
	}
	go f.read() // ends with close
	return nil
}

// run measures at that many events an hour until the span is over, or ctx.
func (f *floor) run(ctx context.Context, perHour float64, span time.Duration, seed uint64) simulate.Latency {
	f.mu.Lock()
	f.hist = simulate.NewHistogram()
	f.mu.Unlock()
	var under sync.WaitGroup
	simulate.Arrivals(ctx, seed, perHour, span, func(due time.Time) {
		under.Go(func() { f.event(due) })
	})
	under.Wait()
	f.settle()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hist.Latency()
}

func (f *floor) event(due time.Time) {
	f.mu.Lock()
	f.next++
	n := f.next
	f.due[n] = due
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	data := make([]byte, cardBytes)
	binary.BigEndian.PutUint64(data, n)
	key := fmt.Sprintf("%srecord:%d", floorKey, n%1000)
	if err := f.redis.EvalSha(ctx, f.sha, []string{key, floorKey + "index"}, n%1000, n, data).Err(); err != nil {
		return
	}
	_ = f.nats.Publish(ctx, floorSubject, data)
}

func (f *floor) read() {
	for {
		_, data, err := f.screen.Read(context.Background())
		if err != nil {
			return
		}
		now := time.Now()
		n := binary.BigEndian.Uint64(data)
		f.mu.Lock()
		if due, ok := f.due[n]; ok {
			f.hist.Record(now.Sub(due))
			delete(f.due, n)
		}
		f.mu.Unlock()
	}
}

// settle waits for the last ones, for a second at most.
func (f *floor) settle() {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 100 {
		if f.open() == 0 {
			return
		}
		<-tick.C
	}
}

// open counts the events that have not come back.
func (f *floor) open() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.due)
}

func (f *floor) close(ctx context.Context) {
	_ = f.sub.Close()
	_ = f.screen.CloseNow()
	_ = f.server.Close()
	f.nats.Close()
	keys, _ := f.redis.Keys(ctx, floorKey+"*").Result()
	if len(keys) > 0 {
		_ = f.redis.Unlink(ctx, keys...).Err()
	}
	_ = f.redis.Close()
}
