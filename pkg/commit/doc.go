// Package commit is the one road to every change: load, decide, commit, publish, acknowledge.
//
//	load.lua ──▶ decide (pure Go) ──▶ commit.lua ──▶ outbox lane ──▶ log ──▶ confirm ──▶ WhenDurable
//	   ▲                                 │ conflict                   │
//	   └─────────────────────────────────┘                            └──▶ drained.lua
//
// A commit changes a record, its indexes, its deadline and its outbox in one script, or nothing. It has never heard of
// agents or calls. DESIGN.md beside this file says which failure each check is there for.
package commit
