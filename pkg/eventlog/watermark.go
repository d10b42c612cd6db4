package eventlog

import (
	"cmp"
	"slices"
)

// watermark says up to where a partition is done. Records are handed out in the order of their offsets and finish in
// any; the mark is the offset below which all are done, so what stands at or behind it is read again after a restart.
// It belongs to one goroutine at a time.
type watermark struct {
	mark   int64    // before the first record: where the partition was taken up, negative if that is not known
	window []handed // offsets rise; the first, if there is one, is not done
	undone int
}

type handed struct {
	offset int64
	done   bool
}

// hand notes that a record was handed out. Offsets must rise; gaps are fine, compaction leaves them.
func (w *watermark) hand(offset int64) {
	if len(w.window) == 0 {
		w.mark = offset
	}
	w.window = append(w.window, handed{offset: offset})
	w.undone++
}

// finish notes that a record is done and reports whether the mark moved. A record that was not handed out, or is done
// already, changes nothing.
func (w *watermark) finish(offset int64) (moved bool) {
	i, found := slices.BinarySearchFunc(w.window, offset, func(h handed, o int64) int { return cmp.Compare(h.offset, o) })
	if !found || w.window[i].done {
		return false
	}
	w.window[i].done = true
	w.undone--
	if i > 0 {
		return false
	}
	for len(w.window) > 0 && w.window[0].done {
		w.mark = w.window[0].offset + 1
		w.window = w.window[1:]
	}
	if len(w.window) > 0 {
		w.mark = w.window[0].offset // over the gap before it
	}
	return true
}

// length is how many records stand at or behind the mark, done or not: what a restart reads again.
func (w *watermark) length() int { return len(w.window) }
