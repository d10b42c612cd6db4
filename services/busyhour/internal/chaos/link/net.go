// Package link stands between all processes of a run: whoever connects to a server connects to a door of ours, and what
// passes there can be cut, held back or slowed, for each pair of processes by itself.
//
//	process ──▶ door ──▶ server         rule of (process, server): open, cut, hole, slow
//
// One door per server is enough, so the address that a server announces (Kafka's listener, Redis' replica-announce,
// Sentinel, Cluster) is the same for everybody: who is at the door is read from the system, by the socket's owner.
package link

import (
	"errors"
	"net"
	"sync"
	"time"
)

// Pair is a direction: who connects to whom.
type Pair struct{ From, To string }

// Rule says what becomes of the bytes between two processes, in both directions. The zero Rule lets them pass.
type Rule struct {
	// Cut resets what is connected and refuses what comes.
	Cut bool
	// Hole lets nothing through and closes nothing, like a network that drops packets; what was held back passes later.
	Hole bool
	// Slow delays what passes.
	Slow time.Duration
}

// Net is all links. Its methods may be called by anybody.
type Net struct {
	owner func(net.Conn) (string, error)

	mu      sync.Mutex
	rules   map[Pair]Rule
	changed chan struct{} // closed and renewed when a rule changes
	wires   map[*wire]struct{}
	doors   []net.Listener
	closed  bool
	parts   sync.WaitGroup
}

// New makes a Net where everything is open. owner names the process that a connection comes from.
func New(owner func(net.Conn) (string, error)) *Net {
	return &Net{owner: owner, rules: map[Pair]Rule{}, changed: make(chan struct{}), wires: map[*wire]struct{}{}}
}

// Door opens a door to a server: what connects to address gets to target.
func (n *Net) Door(to, address, target string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.doors = append(n.doors, l)
	n.mu.Unlock()
	n.parts.Go(func() { n.serve(l, to, target) })
	return nil
}

// Set changes the rule of a pair at once, also for what is connected.
func (n *Net) Set(pair Pair, rule Rule) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rules[pair] = rule
	if rule == (Rule{}) {
		delete(n.rules, pair)
	}
	close(n.changed)
	n.changed = make(chan struct{})
	if !rule.Cut {
		return
	}
	for w := range n.wires {
		if w.pair == pair {
			w.reset()
		}
	}
}

// Heal opens everything again.
func (n *Net) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.rules)
	close(n.changed)
	n.changed = make(chan struct{})
}

// Close closes every door and what passes there, and waits.
func (n *Net) Close() {
	n.mu.Lock()
	n.closed = true
	for _, d := range n.doors {
		_ = d.Close()
	}
	for w := range n.wires {
		w.reset()
	}
	n.mu.Unlock()
	n.parts.Wait()
}

func (n *Net) rule(pair Pair) (Rule, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rules[pair], n.changed
}

func (n *Net) serve(l net.Listener, to, target string) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			<-time.After(10 * time.Millisecond) // out of files, for instance
			continue
		}
		n.parts.Go(func() { n.pass(c, to, target) })
	}
}

// pass is the life of one connection.
func (n *Net) pass(client net.Conn, to, target string) {
	defer client.Close()
	from, err := n.owner(client)
	if err != nil {
		return
	}
	w := &wire{net: n, pair: Pair{from, to}, client: client, gone: make(chan struct{})}
	if !n.add(w) {
		return
	}
	defer n.remove(w)
	if !w.let() {
		w.reset()
		return
	}
	if left(client) {
		return // no use in troubling the server
	}
	server, err := net.DialTimeout("tcp", target, dialLimit)
	if err != nil {
		w.reset() // nobody listens there: refused here too
		return
	}
	defer server.Close()
	w.run(server)
}

// dialLimit is for a server that is stopped, or has more callers than it takes on.
const dialLimit = 2 * time.Second

func (n *Net) add(w *wire) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.wires[w] = struct{}{}
	}
	return !n.closed
}

func (n *Net) remove(w *wire) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.wires, w)
}
