package provision

import (
	"time"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// paceWindow is over how long a rate is taken: long enough to be calm, short enough to see a downstream change.
const paceWindow = 10 * time.Second

// Progress is how far a job is.
type Progress struct {
	Job *provisioningv1.Job
	// Rate is items a second, over the last ten; zero while nothing is known.
	Rate float64
	// Left is how long the rest takes at that rate; zero if nothing ends.
	Left time.Duration
}

// Ended counts the items that have ended, in whatever way.
func (p Progress) Ended() uint32 { return p.Job.Total - p.Job.Pending }

// pace remembers how far a job was.
type pace struct{ past []sample }

type sample struct {
	at    time.Time
	ended uint32
}

// at takes the job as it stands now. What was before a pause says nothing of the pace after it.
func (p *pace) at(now time.Time, job *provisioningv1.Job) Progress {
	progress := Progress{Job: job}
	if job.PausedAt != nil {
		p.past = nil
	}
	p.past = append(p.past, sample{now, progress.Ended()})
	for len(p.past) > 2 && now.Sub(p.past[1].at) >= paceWindow {
		p.past = p.past[1:]
	}
	first := p.past[0]
	if took := now.Sub(first.at).Seconds(); took > 0 && progress.Ended() > first.ended {
		progress.Rate = float64(progress.Ended()-first.ended) / took
		progress.Left = time.Duration(float64(job.Pending) / progress.Rate * float64(time.Second))
	}
	return progress
}
