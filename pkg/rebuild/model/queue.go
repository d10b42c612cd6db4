package model

const blockSize = 1 << 10

// queue of the states that are known and not yet looked at. Its blocks are used again, so it is no larger than what it
// holds: some hundred thousand states of 170 bytes.
type queue struct {
	blocks  []*[blockSize]state // the first is taken from, the last is put into
	spare   []*[blockSize]state
	taken   int // of the first
	written int // of the last
	length  int
}

func (q *queue) put(s *state) {
	if len(q.blocks) == 0 || q.written == blockSize {
		q.blocks = append(q.blocks, q.block())
		q.written = 0
	}
	q.blocks[len(q.blocks)-1][q.written] = *s
	q.written++
	q.length++
}

// take gives the oldest state. It is good until the next call.
func (q *queue) take() *state {
	if q.taken == blockSize {
		q.spare = append(q.spare, q.blocks[0])
		q.blocks = q.blocks[1:]
		q.taken = 0
	}
	q.taken++
	q.length--
	return &q.blocks[0][q.taken-1]
}

func (q *queue) block() *[blockSize]state {
	if last := len(q.spare) - 1; last >= 0 {
		b := q.spare[last]
		q.spare = q.spare[:last]
		return b
	}
	return new([blockSize]state)
}
