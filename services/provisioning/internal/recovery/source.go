// Package recovery says how the directory and the jobs come back from the log, and puts what has no outcome back into
// the stream.
package recovery

import (
	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/services/provisioning/internal/state"
)

// Source is how provisioning is rebuilt. Pending items are no events; Requeue makes them again from the requests.
func Source() rebuild.Source {
	return rebuild.Source{
		EventTopics: []string{topics.Directory, topics.Outcomes},
		// An event carries the very bytes that the commit stored.
		Value:  func(m eventlog.Message) ([]byte, error) { return m.Value, nil },
		Derive: derive,
		Logged: state.Logged,
	}
}

func derive(b *rebuild.Build) error {
	for i := range b.Records {
		if err := state.Restore(b, &b.Records[i]); err != nil {
			return err
		}
	}
	return nil
}
