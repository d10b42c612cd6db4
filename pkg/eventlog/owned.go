package eventlog

import (
	"context"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"go.uber.org/zap"
)

// Own works on one partition while this member has it. It returns when ctx ends, for then the partition is taken away;
// an error ends the membership, and the member joins again.
type Own func(ctx context.Context, p *Owned) error

// Owned is a partition that this member has, and alone reads. Nothing is committed for it: how far it was consumed is
// the owner's to write, together with what it made of it (Writer).
type Owned struct {
	Topic     string
	Partition int32

	group   string
	session sarama.ConsumerGroupSession
	claim   sarama.ConsumerGroupClaim
	client  sarama.Client
	pause   func(bool)
	arrival *arrival

	wake chan struct{} // one element: records came

	mu      sync.Mutex
	waiting []Message
	paused  bool
}

// NewOwnerGroup makes a member that works on whole partitions; it joins when it runs.
func NewOwnerGroup(cfg Config, group string, topics []string, own Own) (*Group, error) {
	g, err := newGroup(cfg, group, topics, func(s *sarama.Config) { s.Consumer.Offsets.AutoCommit.Enable = false })
	if err != nil {
		return nil, err
	}
	g.own = own
	return g, nil
}

// Committed is the offset that is to be read next, or -1 if none was ever committed.
func (p *Owned) Committed() int64 { return max(p.claim.InitialOffset(), -1) }

// End is behind the newest record that was heard of.
func (p *Owned) End() int64 { return p.claim.HighWaterMarkOffset() }

// Partitions is how many the topic has, as far as is known here: a minute ago at most.
func (p *Owned) Partitions() int {
	all, err := p.client.Partitions(p.Topic)
	if err != nil {
		return int(p.Partition) + 1
	}
	return len(all)
}

// Consumed is what a transaction commits that has dealt with everything below next. It names the group's generation of
// this moment: a member that has lost the partition is refused.
func (p *Owned) Consumed(next int64) Consumed {
	return Consumed{
		Group: p.group, Member: p.session.MemberID(), Generation: p.session.GenerationID(),
		Topic: p.Topic, Partition: p.Partition, Next: next,
	}
}

// Take collects records for as long as wait, or until there are limit of them, or ctx ends. It may return none.
func (p *Owned) Take(ctx context.Context, limit int, wait time.Duration) []Message {
	over := time.NewTimer(wait)
	defer over.Stop()
	for p.length() < limit {
		select {
		case <-p.wake:
			continue
		case <-over.C:
		case <-ctx.Done():
		}
		break
	}
	return p.take(limit)
}

func (p *Owned) length() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting)
}

func (p *Owned) take(limit int) []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(limit, len(p.waiting))
	taken := p.waiting[:n:n]
	p.waiting = p.waiting[n:]
	if p.paused && len(p.waiting) <= windowLimit/2 {
		p.paused = false
		p.pause(false)
	}
	return taken
}

// pump always reads the channel, as a claim does and for the same reasons, and ends when that is closed.
func (p *Owned) pump() {
	for r := range p.claim.Messages() {
		p.arrival.first(r.Timestamp)
		p.mu.Lock()
		p.waiting = append(p.waiting, messageOf(r))
		if !p.paused && len(p.waiting) >= windowLimit {
			p.paused = true
			p.pause(true)
		}
		p.mu.Unlock()
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused {
		p.pause(false) // a pause would outlive the claim
	}
}

// ownClaim has one partition until it is taken away.
func (m member) ownClaim(session sarama.ConsumerGroupSession, from sarama.ConsumerGroupClaim) error {
	key := partitionKey{from.Topic(), from.Partition()}
	p := &Owned{
		Topic: key.topic, Partition: key.partition, group: m.name, session: session, claim: from, client: m.client,
		pause:   func(pause bool) { m.pause(key, pause) },
		arrival: m.take(key.topic),
		wake:    make(chan struct{}, 1),
	}
	defer m.moves.given(key.topic)
	ctx, cancel := context.WithCancel(session.Context())
	defer cancel()
	go func() {
		p.pump()
		cancel()
	}()
	m.setClaim(key, p)
	defer m.setClaim(key, nil)
	if err := m.own(ctx, p); err != nil && ctx.Err() == nil {
		m.metrics.errors.Inc()
		m.log.Warn("the owner of a partition has failed, joining again", zap.String("topic", p.Topic), zap.Int32("partition", p.Partition), zap.Error(err))
		select {
		case <-time.After(ownerPause):
		case <-ctx.Done():
		}
	}
	return nil
}

// ownerPause keeps an owner that fails from making its group rebalance all the time.
const ownerPause = time.Second

// lag is how many records wait here, and how old the oldest is.
func (p *Owned) lag(now time.Time) (records int64, age time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		return 0, 0
	}
	return p.End() - p.waiting[0].Offset, max(0, now.Sub(p.waiting[0].Time))
}
