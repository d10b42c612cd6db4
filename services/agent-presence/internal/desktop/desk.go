package desktop

import (
	"slices"
	"sync"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/fanout"
	"github.com/busyhour/busyhour/services/agent-presence/internal/state"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// desk is an agent and the agent's screens on this pod.
//
// All its screens are in step: each has been sent, or has in its queue, what leads to exactly what the desk holds. A
// screen that is stale is the exception, until its snapshot.
//
// Locks: the turn first, then the server's, then mu, then a screen's. Only the turn is held while something is read or
// committed.
type desk struct {
	server *Server
	key    deskKey
	slot   int           // of the heartbeats
	turn   chan struct{} // the right to commit for this desk; a channel, to give up waiting when a context ends
	opened chan struct{} // closed when news is set; it stays nil if that was not possible
	news   *fanout.Subscription

	refs   int  // screens, log-ins and repairs under way; under the server's lock
	broken bool // it waits for repair; under the server's lock

	mu       sync.Mutex
	screens  []*screen
	departed []string // screens that are gone, but not yet by the record
	name     string
	verified bool
	presence presenceSeen
	workload workloadSeen
}

type deskKey struct{ tenant, agent string }

type presenceSeen struct {
	value    *presencev1.Presence
	revision commit.Revision
}

type workloadSeen struct {
	value    *routingv1.Workload
	revision commit.Revision
}

// seePresence takes a presence that was pushed, read or committed here. What is not newer is dropped. It needs d.mu.
func (d *desk) seePresence(p *presencev1.Presence, r commit.Revision) {
	if p == nil || !r.Newer(d.presence.revision) {
		return
	}
	before := d.presence.revision
	d.presence = presenceSeen{p, r}
	d.tell(&frame{body: presenceChanged(p, r, before)})
	for _, s := range slices.Clone(d.screens) {
		if movedAway(p, s.id, d.server.pod) {
			d.drop(s)
			s.close(edge.CloseReplaced, "this screen logged in elsewhere")
		}
	}
}

// movedAway reports whether another pod holds the screen now.
func movedAway(p *presencev1.Presence, screen, pod string) bool {
	return slices.ContainsFunc(p.Screens, func(s *presencev1.Screen) bool { return s.Id == screen && s.Pod != pod })
}

// seeWorkload takes a workload that was pushed or read. It needs d.mu.
//
// A gap needs no read: what is pushed is the whole workload, so the delta from what was last sent is exact whatever was
// missed. A new epoch is told as a whole, for it may have taken back what the screens show.
func (d *desk) seeWorkload(w *routingv1.Workload, r commit.Revision, at moments) {
	if w == nil || !r.Newer(d.workload.revision) {
		return
	}
	before := d.workload
	d.workload = workloadSeen{w, r}
	if !before.revision.IsZero() && before.revision.Epoch != r.Epoch {
		d.snapshots("epoch")
		return
	}
	d.tell(&frame{body: workloadChanged(before, d.workload), moments: at})
}

// seeView takes what was read. It needs d.mu.
func (d *desk) seeView(v *view) {
	d.verified = v.verified
	if v.name != "" {
		d.name = v.name
	}
	d.seePresence(v.presence.value, v.presence.revision)
	d.seeWorkload(v.workload.value, v.workload.revision, moments{})
	d.seeNone(v)
}

// seeNone takes the cards away that a later epoch has brought back to nobody: it has no workload of an agent who holds
// nothing, and so none that is newer than what the screens show. It needs d.mu.
func (d *desk) seeNone(v *view) {
	if !v.verified || v.workload.value != nil || d.workload.value == nil || v.reign <= d.workload.revision.Epoch {
		return
	}
	d.seeWorkload(&routingv1.Workload{AgentId: d.key.agent}, commit.Revision{Epoch: v.reign}, moments{})
}

// tell sends a frame to every screen; it is encoded once for each format. It needs d.mu.
func (d *desk) tell(f *frame) {
	for _, s := range d.screens {
		s.send(f)
	}
}

// tellAll is tell for those who do not hold d.mu.
func (d *desk) tellAll(f *frame) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tell(f)
}

// snapshots sends every screen the whole. It needs d.mu.
func (d *desk) snapshots(cause string) {
	for _, s := range d.screens {
		d.server.metrics.resyncs.WithLabelValues(cause).Inc()
		s.refresh(d.snapshot(s))
	}
}

// refresh sends a snapshot to a screen whose queue was dropped.
func (d *desk) refresh(s *screen) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.server.metrics.resyncs.WithLabelValues("slow").Inc()
	s.refresh(d.snapshot(s))
}

// snapshot needs d.mu.
func (d *desk) snapshot(s *screen) *frame {
	workload := d.workload.value
	if workload == nil {
		workload = &routingv1.Workload{AgentId: d.key.agent}
	}
	return &frame{body: &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_Snapshot{Snapshot: &presencev1.Snapshot{
		ScreenId:         s.id,
		Presence:         d.presence.value,
		PresenceRevision: state.Revision(d.presence.revision),
		Workload:         workload,
		WorkloadRevision: state.Revision(d.workload.revision),
		Now:              timestamppb.New(d.server.clock.now()),
		Verified:         d.verified && d.server.open(d.key.tenant),
		AgentName:        d.name,
	}}}}
}

// add takes a screen in and sends it its first snapshot. It needs d.mu.
func (d *desk) add(s *screen) {
	d.screens = append(d.screens, s)
	d.departed = slices.DeleteFunc(d.departed, func(id string) bool { return id == s.id })
	s.refresh(d.snapshot(s))
}

// drop takes a screen out; false if it was out already. It needs d.mu.
func (d *desk) drop(s *screen) bool {
	before := len(d.screens)
	d.screens = slices.DeleteFunc(d.screens, func(o *screen) bool { return o == s })
	return len(d.screens) < before
}

// amiss reports whether the record and the sockets disagree about who is here. epoch is the present one. It needs d.mu.
func (d *desk) amiss(epoch uint32) bool {
	return len(d.departed) > 0 || slices.ContainsFunc(d.screens, func(s *screen) bool { return s.epoch != epoch || !d.lists(s) }) ||
		len(d.strangers()) > 0
}

// lists reports whether the record lists the screen here. It needs d.mu.
func (d *desk) lists(s *screen) bool {
	return slices.ContainsFunc(d.presence.value.GetScreens(), func(o *presencev1.Screen) bool {
		return o.Id == s.id && o.Pod == d.server.pod
	})
}

// strangers are the screens that the record lists here, and that have no socket. It needs d.mu.
func (d *desk) strangers() []string {
	var strangers []string
	for _, listed := range d.presence.value.GetScreens() {
		here := slices.ContainsFunc(d.screens, func(s *screen) bool { return s.id == listed.Id })
		if listed.Pod == d.server.pod && !here {
			strangers = append(strangers, listed.Id)
		}
	}
	return strangers
}

func presenceChanged(p *presencev1.Presence, now, before commit.Revision) *presencev1.ServerFrame {
	return &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_PresenceChanged{PresenceChanged: &presencev1.PresenceChanged{
		Revision: state.Revision(now), Previous: state.Revision(before), Presence: p,
	}}}
}

// workloadChanged is what leads from one workload to another.
func workloadChanged(from, to workloadSeen) *presencev1.ServerFrame {
	had := map[string]*routingv1.Card{}
	for _, c := range from.value.GetCards() {
		had[c.ContactId] = c
	}
	delta := &presencev1.WorkloadChanged{Revision: state.Revision(to.revision), Previous: state.Revision(from.revision)}
	for _, c := range to.value.GetCards() {
		if old, ok := had[c.ContactId]; !ok || !proto.Equal(old, c) {
			delta.Changed = append(delta.Changed, c)
		}
		delete(had, c.ContactId)
	}
	for _, c := range from.value.GetCards() { // in a fixed order
		if _, gone := had[c.ContactId]; gone {
			delta.Removed = append(delta.Removed, c.ContactId)
		}
	}
	return &presencev1.ServerFrame{Frame: &presencev1.ServerFrame_WorkloadChanged{WorkloadChanged: delta}}
}
