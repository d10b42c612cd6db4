package identity

import "sync"

// recent remembers what was used of late: at least the last half of most, at most that many.
type recent[K comparable, V any] struct {
	most int

	mu        sync.Mutex
	now, then map[K]V
}

func newRecent[K comparable, V any](most int) *recent[K, V] {
	return &recent[K, V]{most: most, now: map[K]V{}}
}

func (r *recent[K, V]) get(k K) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.find(k)
}

func (r *recent[K, V]) put(k K, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(k, v)
}

// getOr is what is there, or what make makes, which is kept.
func (r *recent[K, V]) getOr(k K, make func() V) V {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.find(k)
	if !ok {
		v = make()
		r.keep(k, v)
	}
	return v
}

// find needs r.mu.
func (r *recent[K, V]) find(k K) (V, bool) {
	if v, ok := r.now[k]; ok {
		return v, true
	}
	v, ok := r.then[k]
	if ok {
		r.keep(k, v)
	}
	return v, ok
}

// keep needs r.mu.
func (r *recent[K, V]) keep(k K, v V) {
	if len(r.now) >= r.most/2 {
		r.then, r.now = r.now, map[K]V{}
	}
	r.now[k] = v
}
