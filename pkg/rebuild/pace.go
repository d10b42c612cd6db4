package rebuild

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/commit"
	"github.com/busyhour/busyhour/pkg/eventlog"
)

// Every epoch voids what others have under way, so a pod that keeps seeing signs where there are none could keep a
// service down. Therefore epochs of a tenant are taken at most every two seconds, and after three reigns that ended
// within ten minutes a person has to look. The epoch topic has the count: it is the same for all pods, and outlives them.
const (
	takeEvery  = 2 * time.Second
	heldWindow = 10 * time.Minute
)

// tooSoon says why no epoch should be taken yet; empty if it may be. A server that was never tried may be tried at once.
func (r *Recovery) tooSoon(tenant string, mark commit.Mark) string {
	takes := r.epochs.Takes(tenant)
	if len(takes) == 0 || r.tried[tenant] != mark.Replid {
		return ""
	}
	if ago := time.Since(takes[len(takes)-1].At); ago < takeEvery {
		return fmt.Sprintf("an epoch was taken %s ago", ago.Round(time.Millisecond))
	}
	return ""
}

// heldFor says why only a person may go on; empty if nothing speaks against a recovery.
func (r *Recovery) heldFor(tenant string, mark commit.Mark) string {
	takes := r.epochs.Takes(tenant)
	if why := nonceDiffers(takes, mark); why != "" {
		return why
	}
	// A recovery that failed has counted the reign that it ended already.
	present := r.reign(tenant, mark)
	if n := endedReigns(takes, time.Now().Add(-heldWindow), present); r.limit > 0 && n >= r.limit {
		return fmt.Sprintf("%d reigns ended within %s", n, heldWindow)
	}
	return ""
}

// nonceDiffers finds two reigns with the same number: the log has lost its end, or this is another cluster's Redis.
func nonceDiffers(takes []eventlog.Taken, mark commit.Mark) string {
	for _, t := range takes {
		if t.Epoch == mark.Epoch && t.Nonce != mark.Nonce {
			return fmt.Sprintf("epoch %d was taken twice: its nonce is %s in the log and %s in Redis", t.Epoch, t.Nonce, mark.Nonce)
		}
	}
	return ""
}

// reign is the last epoch that was open, as far as this pod or this Redis knows.
func (r *Recovery) reign(tenant string, mark commit.Mark) uint32 {
	if mark.Open {
		return max(mark.Epoch, r.reigns[tenant])
	}
	return r.reigns[tenant]
}

// endedReigns counts the open reigns that were ended since then, but for the present one.
func endedReigns(takes []eventlog.Taken, since time.Time, present uint32) int {
	ended := map[uint32]bool{}
	for _, t := range takes {
		switch {
		case t.Hand:
			clear(ended)
		case t.Ends != 0 && t.Ends != present && t.At.After(since):
			ended[t.Ends] = true
		}
	}
	return len(ended)
}

// hold keeps a tenant closed and calls a person, once.
func (r *Recovery) hold(tenant, why string) {
	if r.standing.phase(tenant) != Held {
		r.log.Error("recovery held: the tenant stays closed until a person has looked. Find out why its state is lost again and "+
			"again (does this pod reach the right Redis? does that restart or fail over?), then `busyhour state rebuild`",
			zap.String("tenant", tenant), zap.String("why", why))
	}
	r.standing.enter(Held, "held: "+why, tenant)
}
