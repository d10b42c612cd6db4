package edge

import (
	"context"
	"fmt"
	"net/http"

	"connectrpc.com/connect"

	"github.com/busyhour/busyhour/pkg/identity"
)

// TokenSource gives a service its own token; "" if it has none.
type TokenSource func(ctx context.Context) (string, error)

// WithToken has a client send the token of whoever a call is made for, or else the source's.
func WithToken(own TokenSource) connect.ClientOption { return connect.WithInterceptors(passToken{own}) }

// passToken sends the token of the request at hand along with the calls made for it.
type passToken struct{ own TokenSource }

func (p passToken) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if err := p.set(ctx, req.Header()); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

// WrapStreamingClient leaves the header out if there is no token to be had: the other side says so.
func (p passToken) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, spec connect.Spec) connect.StreamingClientConn {
		conn := next(ctx, spec)
		_ = p.set(ctx, conn.RequestHeader())
		return conn
	}
}

func (passToken) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

func (p passToken) set(ctx context.Context, h http.Header) error {
	token := identity.From(ctx).Token()
	if token == "" && p.own != nil {
		var err error
		if token, err = p.own(ctx); err != nil {
			return connect.NewError(connect.CodeUnavailable, fmt.Errorf("no token of our own: %w", err))
		}
	}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	return nil
}
