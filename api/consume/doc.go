// Package consume reads Busyhour's topics for another team: typed events come in, each once and in the order of its
// record, and what can't be read or handled goes where you say.
//
//	topic ──▶ decode ──▶ void? repeat? ──▶ your handler ──▶ offset
//	            └── no event of ours ──▶ dead letters ────────▶
//
// It keeps the promises that api/README.md asks of a reader: markers void what stands behind them, repeats are dropped by
// their revision, an event of the auditor is one like any other, and an offset is committed when its record is done.
package consume
