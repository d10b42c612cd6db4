package edge

import (
	"context"
	"net/http"
	"time"
)

type readingKey struct{}

// StopReading ends the reading of the request that ctx belongs to: a Receive under way, and every later one, fails. A
// stream's handler that reads in a goroutine calls it and waits for the goroutine before it returns.
func StopReading(ctx context.Context) {
	if stop, ok := ctx.Value(readingKey{}).(func()); ok {
		stop()
	}
}

// interruptible lets handlers stop reading.
func interruptible(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stop := func() {
			// A writer that knows no deadlines is a test's recorder; its body never blocks.
			_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), readingKey{}, stop)))
	})
}
