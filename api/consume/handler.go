package consume

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Handler takes the events of one payload. On makes it.
type Handler struct {
	message protoreflect.FullName
	handle  func(context.Context, *read) error
}

// On handles the events whose payload is an M, for instance
//
//	consume.On(func(ctx context.Context, e consume.Event[*routingv1.ContactEvent]) error { … })
//
// The handler is called once for each event, in the order of its partition. nil: it is done. A Refusal: it goes to the
// dead letters. Any other error: it is handed out again after a while, and its partition waits. Between the handler and
// what the Store keeps may lie a crash, unless both are one transaction: then the event comes again.
//
// ctx carries what the Store has put into it, a transaction for instance. It ends a moment after the partition was taken away.
func On[M proto.Message](handle func(context.Context, Event[M]) error) Handler {
	var none M
	return Handler{
		message: none.ProtoReflect().Descriptor().FullName(),
		handle: func(ctx context.Context, r *read) error {
			e := Event[M]{Meta: r.Meta}
			if !r.Deleted {
				e.Data = r.data.(M)
			}
			return handle(ctx, e)
		},
	}
}
