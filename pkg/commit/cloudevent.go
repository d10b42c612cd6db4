package commit

import "github.com/busyhour/busyhour/pkg/eventlog"

// message is the event as it goes to the log.
func (tx *Tx) message(r *Record, next Revision, e *Event) eventlog.Message {
	event := eventlog.CloudEvent{
		Service: tx.store.service, Tenant: tx.tenant, Record: r.Name, Epoch: next.Epoch, N: next.N,
		Type: e.Type, Schema: e.Schema, Op: tx.op, Time: tx.now, Deprecated: e.Deprecated,
	}
	return eventlog.Message{Topic: e.Topic, Key: []byte(e.Key), Value: e.Data, Headers: append(event.Headers(), tx.trace...)}
}
