package model

// hashes is a set of them, by open addressing: eight bytes a slot, at most three of four in use.
type hashes struct {
	slots []uint64
	used  int
}

// add reports whether the hash is new.
func (h *hashes) add(hash uint64) bool {
	if 4*h.used >= 3*len(h.slots) {
		h.grow()
	}
	if !h.place(hash) {
		return false
	}
	h.used++
	return true
}

func (h *hashes) place(hash uint64) bool {
	hash = max(hash, 1) // 0 is a free slot
	mask := uint64(len(h.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		switch h.slots[i] {
		case 0:
			h.slots[i] = hash
			return true
		case hash:
			return false
		}
	}
}

func (h *hashes) grow() {
	old := h.slots
	h.slots = make([]uint64, max(1<<10, 2*len(old)))
	for _, hash := range old {
		if hash != 0 {
			h.place(hash)
		}
	}
}
