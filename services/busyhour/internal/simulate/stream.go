package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"connectrpc.com/connect"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/routing/v1/routingv1connect"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/tlsfiles"
)

const (
	batchLimit                 = 256  // signals in one message, by the contract
	partLimit                  = 1000 // calls in one part of an inventory, by the contract
	patientTries, longestPause = 5, 2 * time.Second
	silence                    = 15 * time.Second // three missed heartbeats: the connection is dead
)

// StreamConfig says who a stream is and who hears what it hears. The functions may be nil; they are called by the
// stream's own goroutine, in order, and must return fast.
type StreamConfig struct {
	Tenant, Switch string
	// URLs of call-routing, tried in turn, beginning with First.
	URLs  []string
	First int
	// TLS knows those at https addresses.
	TLS tlsfiles.Files
	// Token says who asks; nil: nobody.
	Token edge.TokenSource
	// Duplicates is the share of signals that are deliberately sent twice, later and out of order.
	Duplicates float64
	// Random draws them; it belongs to the stream. Nil: not seeded.
	Random *rand.Rand

	// Sent is called for each signal that is about to go out, the first time or again.
	Sent func(Sent)
	// Heard is called for each wish that is newer than what was heard of its contact before.
	Heard func(*routingv1.SwitchCommand)
	// Reigns is called with all that is wanted at the beginning of an epoch, behind Heard.
	Reigns func(wanted []*routingv1.SwitchCommand)
	// Carries lists the calls that are not over, and the position of the last signal sent before the list was made.
	Carries func() (asOf uint64, calls []*routingv1.CarriedCall)
	// Again is called with the calls whose signals are to be sent again.
	Again func(calls []string)
	// Acked is called once per signal, when it is durable.
	Acked func(Sent)
	// Refused is called when a signal was read and refused.
	Refused func(Sent, *routingv1.SignalRefused)
	// Lost is called when a connection ended other than by ctx, with why.
	Lost func(error)
}

// Stream carries one switch's signals to call-routing and what is wanted back. It numbers, resends what was not
// acknowledged whenever it has to connect again, and never gives up.
type Stream struct {
	cfg     StreamConfig
	id      string
	boot    string
	clients []routingv1connect.SignalingServiceClient
	closers []func()
	wake    chan struct{}

	mu     sync.Mutex
	window window
	late   []Sent // duplicates that wait for the next signal to go before them
	taken  []*routingv1.WantedAck
	heard  map[string]uint64 // contact → the newest revision heard
	epoch  uint32
	told   uint32                 // the epoch of the latest welcome
	carry  []*routingv1.Inventory // parts of an answer that waits for the signals before it
	at     int                    // which client is next
	idle   []chan struct{}
	stats  StreamStats
}

// StreamStats counts what went over a stream.
type StreamStats struct {
	Signals     int `json:"signals"`    // each counted once
	Duplicates  int `json:"duplicates"` // deliberate repeats
	Resent      int `json:"resent"`     // sent again on a new connection
	Connects    int `json:"connects"`
	Wishes      int `json:"wishes"`
	Stale       int `json:"stale_wishes"` // wishes of a lower epoch or revision
	Inventories int `json:"inventories"`  // answered
	Open        int `json:"unacknowledged"`
}

// NewStream makes a stream; Run connects it.
func NewStream(cfg StreamConfig) *Stream {
	if cfg.Random == nil {
		cfg.Random = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	s := &Stream{cfg: cfg, id: newID(), boot: newID(), wake: make(chan struct{}, 1), window: newWindow(), heard: map[string]uint64{}, at: cfg.First}
	for _, u := range cfg.URLs {
		h := newHTTP2(s.cfg.TLS)
		s.clients = append(s.clients, routingv1connect.NewSignalingServiceClient(h, u, connect.WithGRPC(), edge.WithToken(cfg.Token)))
		s.closers = append(s.closers, h.CloseIdleConnections)
	}
	return s
}

// Send gives a signal its position and sends it as soon as there is a connection. due is when the signal was to be
// sent by plan, from which latencies are measured.
func (s *Stream) Send(due time.Time, signal *routingv1.Signal) {
	signal.Tenant, signal.SwitchId = s.cfg.Tenant, s.cfg.Switch
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Signals++
	s.window.add(Sent{Signal: signal, Due: due, Stream: s.id})
	s.flushLate()
	if s.cfg.Random.Float64() < s.cfg.Duplicates {
		s.late = append(s.late, Sent{Signal: signal, Due: due, Duplicate: true, Stream: s.id})
	}
	s.nudge()
}

// Repeat sends a signal again at a new position, as a switch that lost count might.
func (s *Stream) Repeat(signal *routingv1.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = append(s.late, Sent{Signal: signal, Due: time.Now(), Duplicate: true, Stream: s.id})
	s.flushLate()
	s.nudge()
}

// Position of the last signal that was given one.
func (s *Stream) Position() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.window.last()
}

func (s *Stream) flushLate() {
	for _, d := range s.late {
		s.stats.Duplicates++
		s.window.add(d)
	}
	s.late = s.late[:0]
}

// Settled waits until every signal is acknowledged.
func (s *Stream) Settled(ctx context.Context) error {
	s.mu.Lock()
	s.flushLate()
	s.nudge()
	if s.window.empty() {
		s.mu.Unlock()
		return nil
	}
	done := make(chan struct{})
	s.idle = append(s.idle, done)
	s.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("switch %s: %d signals are not acknowledged: %w", s.cfg.Switch, s.Stats().Open, ctx.Err())
	}
}

// Stats so far.
func (s *Stream) Stats() StreamStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Open = len(s.window.entries)
	return st
}

// Run keeps the stream connected until ctx ends.
func (s *Stream) Run(ctx context.Context) error {
	defer func() {
		for _, c := range s.closers {
			c()
		}
	}()
	stuck := 0 // connections in a row on which nothing new was acknowledged
	for {
		before := s.resume()
		pause, err := s.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if stuck++; s.resume() > before || s.Stats().Open == 0 {
			stuck = 0
		}
		// A stream that is sent again whole, at once and for ever, keeps down who tries to get up.
		pause = min(pause<<max(0, min(stuck-patientTries, 6)), longestPause)
		if s.cfg.Lost != nil {
			s.cfg.Lost(err)
		}
		if Wait(ctx, pause/2+rand.N(pause)) != nil {
			return nil
		}
	}
}

func (s *Stream) resume() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.window.resume()
}

type connection = *connect.BidiStreamForClient[routingv1.ConnectRequest, routingv1.ConnectResponse]

// connect is the life of one connection. It returns how long to wait before the next.
func (s *Stream) connect(ctx context.Context) (pause time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(silence, func() { cancel(fmt.Errorf("nothing heard for %s", silence)) })
	defer watchdog.Stop()

	client := s.pick()
	conn := client.Connect(ctx)
	if err := conn.Send(s.hello()); err != nil {
		return 100 * time.Millisecond, cause(ctx, conn, err)
	}
	writer := make(chan struct{})
	go func() {
		defer close(writer)
		if err := s.write(ctx, conn); err != nil {
			cancel(err)
		}
	}()
	pause = 100 * time.Millisecond
	for {
		m, err := conn.Receive()
		if err != nil {
			err = cause(ctx, conn, err)
			cancel(err)
			<-writer
			return pause, err
		}
		watchdog.Reset(silence)
		if d := m.GetDrain(); d != nil {
			// What is in hand is still acknowledged; the server closes.
			pause = max(time.Duration(d.ReconnectAfterMs)*time.Millisecond, 10*time.Millisecond)
			continue
		}
		s.hear(m)
	}
}

// cause says why a connection ended: what cancelled it, or what the server said, which after a failed send only Receive
// tells.
func cause(ctx context.Context, conn connection, err error) error {
	if c := context.Cause(ctx); c != nil {
		return c
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	if _, why := conn.Receive(); why != nil && !errors.Is(why, io.EOF) {
		return why
	}
	return errors.New("the server ended the stream")
}

func (s *Stream) pick() routingv1connect.SignalingServiceClient {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clients[s.at%len(s.clients)]
	s.at++
	s.stats.Connects++
	return c
}

func (s *Stream) hello() *routingv1.ConnectRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.carry = nil // it answers a question of the connection before
	return &routingv1.ConnectRequest{Message: &routingv1.ConnectRequest_Hello{Hello: &routingv1.Hello{
		Tenant: s.cfg.Tenant, SwitchId: s.cfg.Switch, StreamId: s.id, ResumeFrom: s.window.resume(), BootId: s.boot,
	}}}
}

// write sends what there is to send, then waits for more. At the end of ctx it closes its half: as long as that is open,
// net/http's HTTP/2 does not notice that ctx has ended, and Receive would wait for ever.
func (s *Stream) write(ctx context.Context, conn connection) error {
	defer func() { _ = conn.CloseRequest() }()
	for {
		messages := s.take()
		for _, m := range messages {
			if err := conn.Send(m); err != nil {
				return cause(ctx, conn, err)
			}
		}
		if len(messages) > 0 {
			continue
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Stream) take() (messages []*routingv1.ConnectRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.taken {
		messages = append(messages, &routingv1.ConnectRequest{Message: &routingv1.ConnectRequest_WantedAck{WantedAck: a}})
	}
	s.taken = s.taken[:0]
	first, batch, again := s.window.take(batchLimit)
	s.stats.Resent += again
	s.going(first, len(batch))
	if len(batch) > 0 {
		messages = append(messages, &routingv1.ConnectRequest{Message: &routingv1.ConnectRequest_Signals{
			Signals: &routingv1.SignalBatch{FirstPosition: first, Signals: batch}}})
	}
	if len(s.carry) > 0 && s.carry[0].AsOf < s.window.next {
		for _, part := range s.carry {
			messages = append(messages, &routingv1.ConnectRequest{Message: &routingv1.ConnectRequest_Inventory{Inventory: part}})
		}
		s.carry = nil
		s.stats.Inventories++
	}
	return messages
}

// going tells what is about to be sent; with the lock held.
func (s *Stream) going(first uint64, n int) {
	if s.cfg.Sent == nil {
		return
	}
	for position := first; position < first+uint64(n); position++ {
		if sent, ok := s.window.at(position); ok {
			s.cfg.Sent(sent)
		}
	}
}

func (s *Stream) hear(m *routingv1.ConnectResponse) {
	switch m := m.Message.(type) {
	case *routingv1.ConnectResponse_Welcome:
		s.reign(m.Welcome.Epoch)
		for _, c := range m.Welcome.Commands {
			s.wish(c)
		}
		s.reigns(m.Welcome)
	case *routingv1.ConnectResponse_InventoryRequest:
		s.inventory(m.InventoryRequest.Request)
	case *routingv1.ConnectResponse_Resend:
		if s.cfg.Again != nil {
			s.cfg.Again(m.Resend.CallIds)
		}
	case *routingv1.ConnectResponse_Ack:
		s.acknowledged(m.Ack.DurableThrough)
	case *routingv1.ConnectResponse_Refused:
		s.refused(m.Refused)
	case *routingv1.ConnectResponse_Command:
		s.wish(m.Command)
	case *routingv1.ConnectResponse_Heartbeat:
		s.reign(m.Heartbeat.Epoch)
	}
}

func (s *Stream) reign(epoch uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch = max(s.epoch, epoch)
}

// reigns tells of a new epoch's whole list, once.
func (s *Stream) reigns(w *routingv1.Welcome) {
	s.mu.Lock()
	first := w.Epoch > s.told
	s.told = max(s.told, w.Epoch)
	s.mu.Unlock()
	if first && s.cfg.Reigns != nil {
		s.cfg.Reigns(w.Commands)
	}
}

// inventory answers with the calls as they are now, behind the signals that were sent before.
func (s *Stream) inventory(request uint64) {
	if s.cfg.Carries == nil {
		return
	}
	asOf, calls := s.cfg.Carries()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.carry = s.carry[:0:0]
	for {
		n := min(len(calls), partLimit)
		part := &routingv1.Inventory{Request: request, AsOf: asOf, Calls: calls[:n], More: n < len(calls)}
		s.carry = append(s.carry, part)
		if calls = calls[n:]; !part.More {
			break
		}
	}
	s.nudge()
}

// wish takes a command if it is the newest, and says in any case that it was taken.
func (s *Stream) wish(c *routingv1.SwitchCommand) {
	revision := c.GetWanted().GetRevision()
	s.mu.Lock()
	s.stats.Wishes++
	newer := revision.GetEpoch() >= s.epoch && number(revision) > s.heard[c.ContactId]
	if newer {
		s.heard[c.ContactId] = number(revision)
	} else {
		s.stats.Stale++
	}
	if revision.GetEpoch() >= s.epoch {
		s.taken = append(s.taken, &routingv1.WantedAck{ContactId: c.ContactId, Revision: revision})
		s.nudge()
	}
	s.mu.Unlock()
	if newer && s.cfg.Heard != nil {
		s.cfg.Heard(c)
	}
}

func (s *Stream) acknowledged(through uint64) {
	s.mu.Lock()
	done := s.window.acknowledge(through)
	var idle []chan struct{}
	if s.window.empty() {
		idle, s.idle = s.idle, nil
	}
	s.mu.Unlock()
	if s.cfg.Acked != nil {
		for _, d := range done {
			s.cfg.Acked(d)
		}
	}
	for _, c := range idle {
		close(c)
	}
}

func (s *Stream) refused(r *routingv1.SignalRefused) {
	s.mu.Lock()
	sent, ok := s.window.at(r.Position)
	s.mu.Unlock()
	if ok && s.cfg.Refused != nil {
		s.cfg.Refused(sent, r)
	}
}

// nudge wakes the writer.
func (s *Stream) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
