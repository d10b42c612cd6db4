package consume

import (
	"context"
	"maps"
	"sync"
)

// Store remembers how far each record has come and which markers stand in each partition. Members of a group that share
// one see no event twice, also when partitions move between them.
type Store interface {
	// Once calls handle if the version is newer than the one that is kept of the record, and keeps it. Best in one
	// transaction with what handle does: then what an event brings about happens once, whatever crashes.
	Once(ctx context.Context, of Record, v Version, handle func(context.Context) error) (done bool, err error)
	// Fence keeps that events of the tenant with a lower epoch are void from here on in the partition. The highest epoch
	// counts. It must last before Fence returns, for the marker is not read again.
	Fence(ctx context.Context, at Partition, tenant string, epoch uint32) error
	// Fences gives, by tenant, what Fence was told of the partition.
	Fences(ctx context.Context, at Partition) (map[string]uint32, error)
}

// Record is what a revision belongs to.
type Record struct{ Tenant, Subject string }

// Partition of a topic.
type Partition struct {
	Topic  string
	Number int32
}

// Memory is a Store that forgets everything with its process: use it with Config.Replay, or where repeats do no harm.
type Memory struct {
	mu       sync.Mutex
	versions map[Record]Version
	fences   map[Partition]map[string]uint32
}

// NewMemory makes an empty one.
func NewMemory() *Memory {
	return &Memory{versions: map[Record]Version{}, fences: map[Partition]map[string]uint32{}}
}

// Once is for the Consumer. A record has one event in hand at a time, so the lock is not held meanwhile; when its key has
// just moved to another partition there may be two.
func (s *Memory) Once(ctx context.Context, of Record, v Version, handle func(context.Context) error) (bool, error) {
	if v <= s.version(of) {
		return false, nil
	}
	if err := handle(ctx); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.versions[of] = max(v, s.versions[of])
	return true, nil
}

func (s *Memory) version(of Record) Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.versions[of]
}

// Fence is for the Consumer.
func (s *Memory) Fence(_ context.Context, at Partition, tenant string, epoch uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fences[at] == nil {
		s.fences[at] = map[string]uint32{}
	}
	s.fences[at][tenant] = max(epoch, s.fences[at][tenant])
	return nil
}

// Fences is for the Consumer.
func (s *Memory) Fences(_ context.Context, at Partition) (map[string]uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.fences[at]), nil
}
