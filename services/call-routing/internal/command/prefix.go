package command

// window is how many positions of a stream may be in hand; a sender that has more unacknowledged is not read from.
const window = 1 << 16

// prefix tracks the positions of a stream. They are handled at their own pace and in any order; what is acknowledged is
// the prefix that is handled without a gap.
type prefix struct {
	first uint64 // the first position that is not handled
	next  uint64 // the position that will be taken next
	done  [window / 64]uint64
}

// newPrefix begins at a position.
func newPrefix(from uint64) *prefix { return &prefix{first: from, next: from} }

// take gives the next position to handle.
func (p *prefix) take() uint64 {
	p.next++
	return p.next - 1
}

// full reports whether no position can be taken before the first is handled.
func (p *prefix) full() bool { return p.next-p.first >= window }

// inHand is how many positions lie between the first that is not handled and the last that was taken.
func (p *prefix) inHand() uint64 { return p.next - p.first }

// finish notes that a position is handled. It is called once for each that was taken.
func (p *prefix) finish(position uint64) {
	p.flip(position)
	for p.first < p.next && p.handled(p.first) {
		p.flip(p.first) // its place is the one of a later position now
		p.first++
	}
}

// through is the position up to which everything is handled.
func (p *prefix) through() uint64 { return p.first - 1 }

func (p *prefix) handled(position uint64) bool {
	return p.done[position%window/64]&(1<<(position%64)) != 0
}

func (p *prefix) flip(position uint64) { p.done[position%window/64] ^= 1 << (position % 64) }
