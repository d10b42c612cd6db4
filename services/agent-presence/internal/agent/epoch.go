package agent

import (
	"time"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Reborn is a presence at the beginning of a new epoch. Nobody knows which screens are still there, so whoever had one
// is in grace until it answers; a grace that ran already goes on, longer by the time the state was closed. Spread is
// added to deadlines, so that not all fall due together. It reports false if the presence is as it was.
func Reborn(p *presencev1.Presence, now time.Time, closed, spread time.Duration, rules Rules) (*presencev1.Presence, bool) {
	if !Online(p) {
		return p, false
	}
	p = proto.CloneOf(p)
	deadline := now.Add(rules.Grace)
	if p.Connection == presencev1.Connection_CONNECTION_GRACE {
		deadline = p.Deadline.AsTime().Add(closed)
	} else {
		p.Connection, p.ConnectionSince = presencev1.Connection_CONNECTION_GRACE, timestamppb.New(now)
	}
	p.Screens = nil
	p.Deadline = timestamppb.New(deadline.Add(spread))
	p.At = timestamppb.New(now)
	return p, true
}

// Chosen is a presence without what Reborn sets: the connection and what goes with it.
func Chosen(p *presencev1.Presence) *presencev1.Presence {
	p = proto.CloneOf(p)
	p.Connection, p.ConnectionSince, p.Screens, p.Deadline, p.At = 0, nil, nil, nil, nil
	return p
}
