package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// Config says what to read, and where what can't be read goes.
type Config struct {
	Brokers []string
	// Group names the readers that share the partitions. It is yours alone: begin it with the name of your team.
	Group  string
	Topics []string
	// Tenants, if there are any, are those whose events are handled; others' are passed over.
	Tenants []string
	// Store is shared by the members of the group; nil is a Memory.
	Store Store
	// Replay reads every partition from its beginning whenever this member gets it, and commits nothing: for whoever keeps
	// their state in memory.
	Replay bool
	// DeadLetter takes what can't be read or handled. The offset is marked when it returns nil.
	DeadLetter func(context.Context, Letter) error
	// Tries is how often an event is handed out at most before it is a dead letter; zero: until it is taken.
	Tries int
	// MaxBytes of a value; zero is 512 KiB.
	MaxBytes int
	// Grace is how long a handler may go on when its partition is taken away; zero is 2 s. The group waits for it.
	Grace time.Duration
	// Kafka is Settings() with what your cluster asks for; nil is Settings().
	Kafka *sarama.Config
	// Logger may be nil.
	Logger *slog.Logger
}

func (c *Config) complete() error {
	var wrong []error
	must := func(holds bool, text string) {
		if !holds {
			wrong = append(wrong, errors.New(text))
		}
	}
	must(len(c.Brokers) > 0, "name a broker: Brokers")
	must(c.Group != "", "name the group: Group")
	must(len(c.Topics) > 0, "name a topic: Topics")
	for _, topic := range c.Topics {
		must(hasEvents(topic), topic+" is no topic of events")
	}
	if c.DeadLetter == nil {
		wrong = append(wrong, errNoLetters)
	}
	if c.Store == nil {
		c.Store = NewMemory()
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 512 << 10
	}
	if c.Grace == 0 {
		c.Grace = 2 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Kafka == nil {
		c.Kafka = Settings()
	}
	own := *c.Kafka
	own.Consumer.Offsets.AutoCommit.Enable = !c.Replay
	c.Kafka = &own
	return errors.Join(wrong...)
}

// Consumer is one member of the group.
type Consumer struct {
	cfg      Config
	handlers []Handler
	client   *split
	group    sarama.ConsumerGroup

	mu     sync.Mutex
	claims map[Partition]*claim
}

// New connects; the member joins when it runs. An event whose payload no handler takes is passed over.
func New(cfg Config, handlers ...Handler) (*Consumer, error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("consume: %w", err)
	}
	client, err := newSplit(cfg.Brokers, cfg.Kafka)
	if err != nil {
		return nil, fmt.Errorf("consume: connect to %v: %w", cfg.Brokers, err)
	}
	group, err := sarama.NewConsumerGroupFromClient(cfg.Group, client)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("consume: group %s: %w", cfg.Group, err), client.Close())
	}
	return &Consumer{cfg: cfg, handlers: handlers, client: client, group: group, claims: map[Partition]*claim{}}, nil
}

// Run handles events until ctx ends; then what is in hand is finished, its offset committed, and the group left, so that
// others take over at once. A broker that is away is waited for.
func (c *Consumer) Run(ctx context.Context) error {
	var reports sync.WaitGroup
	reports.Go(c.report)
	backoff := rising(200*time.Millisecond, 5*time.Second)
	for failures := 0; ctx.Err() == nil; {
		err := c.group.Consume(ctx, c.cfg.Topics, member{c})
		if err == nil || ctx.Err() != nil {
			failures = 0
			continue
		}
		failures++
		c.cfg.Logger.Warn("the consumer group can't be joined", "group", c.cfg.Group, "failures", failures, "error", err)
		select {
		case <-time.After(backoff(failures)):
		case <-ctx.Done():
		}
	}
	err := c.group.Close()
	reports.Wait()
	return errors.Join(err, c.client.Close())
}

// report logs what goes wrong inside the client, which repeats it by itself: one line a second at most.
func (c *Consumer) report() {
	var last time.Time
	for err := range c.group.Errors() {
		if time.Since(last) > time.Second {
			c.cfg.Logger.Warn("consumer group", "group", c.cfg.Group, "error", err)
			last = time.Now()
		}
	}
}

func (c *Consumer) setClaim(at Partition, p *claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p == nil {
		delete(c.claims, at)
		return
	}
	c.claims[at] = p
}

// member is what sarama calls.
type member struct{ *Consumer }

func (member) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim has one partition until it is taken away.
func (m member) ConsumeClaim(session sarama.ConsumerGroupSession, from sarama.ConsumerGroupClaim) error {
	at := Partition{from.Topic(), from.Partition()}
	p := &claim{Consumer: m.Consumer, at: at, end: from.HighWaterMarkOffset}
	p.next.Store(max(0, from.InitialOffset()))
	m.setClaim(at, p)
	defer m.setClaim(at, nil)
	p.run(session, from.Messages())
	return nil
}
