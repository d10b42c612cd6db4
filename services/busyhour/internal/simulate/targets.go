package simulate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/busyhour/busyhour/api/gen/busyhour/presence/v1/presencev1connect"
	"github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1/provisioningv1connect"
	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/api/gen/busyhour/routing/v1/routingv1connect"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/tlsfiles"
)

// Targets are the addresses of a running Busyhour, per service: http://host:port. Of several, the next is tried when
// one does not answer.
type Targets struct {
	Routing, Presence, Provisioning []string
	// TLS knows those at https addresses, and shows them who we are.
	TLS tlsfiles.Files
	// Token says who asks; nil: nobody.
	Token edge.TokenSource `json:"-"`
}

// At is a Busyhour that has all services at the same addresses.
func At(urls ...string) Targets { return Targets{Routing: urls, Presence: urls, Provisioning: urls} }

// Validate says everything that is wrong at once.
func (t Targets) Validate() error {
	var wrong []error
	check := func(service string, urls []string) {
		if len(urls) == 0 {
			wrong = append(wrong, fmt.Errorf("no address for %s", service))
		}
		for _, u := range urls {
			p, err := url.Parse(u)
			if err != nil || p.Host == "" || p.Scheme != "http" && p.Scheme != "https" {
				wrong = append(wrong, fmt.Errorf("address %q of %s is not of the form http://host:port", u, service))
			}
		}
	}
	check("call-routing", t.Routing)
	check("agent-presence", t.Presence)
	check("provisioning", t.Provisioning)
	wrong = append(wrong, t.TLS.Check())
	return errors.Join(wrong...)
}

// Clients are RPC clients of every address, sharing one HTTP/2 connection per address.
type Clients struct {
	Routing    []routingv1connect.RoutingServiceClient
	Presence   []presencev1connect.PresenceServiceClient
	Directory  []provisioningv1connect.DirectoryServiceClient
	Jobs       []provisioningv1connect.JobServiceClient
	Reconciler []provisioningv1connect.ReconcileServiceClient

	http *http.Client
}

// Dial makes the clients; nothing is connected yet.
func (t Targets) Dial() *Clients {
	c := &Clients{http: newHTTP2(t.TLS)}
	options := []connect.ClientOption{connect.WithGRPC(), edge.WithToken(t.Token)}
	for _, u := range t.Routing {
		c.Routing = append(c.Routing, routingv1connect.NewRoutingServiceClient(c.http, u, options...))
	}
	for _, u := range t.Presence {
		c.Presence = append(c.Presence, presencev1connect.NewPresenceServiceClient(c.http, u, options...))
	}
	for _, u := range t.Provisioning {
		c.Directory = append(c.Directory, provisioningv1connect.NewDirectoryServiceClient(c.http, u, options...))
		c.Jobs = append(c.Jobs, provisioningv1connect.NewJobServiceClient(c.http, u, options...))
		c.Reconciler = append(c.Reconciler, provisioningv1connect.NewReconcileServiceClient(c.http, u, options...))
	}
	return c
}

// Close closes what is idle.
func (c *Clients) Close() { c.http.CloseIdleConnections() }

// Contact reads one contact.
func (c *Clients) Contact(ctx context.Context, tenant, id string) (*routingv1.GetContactResponse, error) {
	return ask(ctx, c.Routing, routingv1connect.RoutingServiceClient.GetContact, &routingv1.GetContactRequest{Tenant: tenant, ContactId: id})
}

// Live contacts of a tenant.
func (c *Clients) Live(ctx context.Context, tenant string) (all []*routingv1.Contact, err error) {
	for token := ""; ; {
		page, err := ask(ctx, c.Routing, routingv1connect.RoutingServiceClient.ListContacts, &routingv1.ListContactsRequest{Tenant: tenant, PageSize: 500, PageToken: token})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Contacts...)
		if token = page.NextPageToken; token == "" {
			return all, nil
		}
	}
}

// CloseContact ends a contact whatever state it is in.
func (c *Clients) CloseContact(ctx context.Context, r *routingv1.CloseContactRequest) (*routingv1.CloseContactResponse, error) {
	return ask(ctx, c.Routing, routingv1connect.RoutingServiceClient.CloseContact, r)
}

// Switches that answer inventories.
func (c *Clients) Switches(ctx context.Context, tenant string) ([]*routingv1.Switch, error) {
	r, err := ask(ctx, c.Routing, routingv1connect.RoutingServiceClient.ListSwitches, &routingv1.ListSwitchesRequest{Tenant: tenant})
	return r.GetSwitches(), err
}

// ReapSwitch accepts that what a switch lacks is lost.
func (c *Clients) ReapSwitch(ctx context.Context, r *routingv1.ReapSwitchRequest) (*routingv1.ReapSwitchResponse, error) {
	return ask(ctx, c.Routing, routingv1connect.RoutingServiceClient.ReapSwitch, r)
}

// newHTTP2 speaks HTTP/2 only: over TLS to https addresses, in the clear to http ones. A connection that does not
// answer a ping for 5 s is given up.
func newHTTP2(f tlsfiles.Files) *http.Client {
	var p http.Protocols
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: secured(f, &http.Transport{
		Protocols: &p,
		HTTP2:     &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 5 * time.Second},
	})}
}

// newHTTP1 is what a WebSocket needs.
func newHTTP1(f tlsfiles.Files) *http.Client {
	var p http.Protocols
	p.SetHTTP1(true)
	return &http.Client{Transport: secured(f, &http.Transport{Protocols: &p})}
}

// secured connects to nobody at https addresses if the files make no sense.
func secured(f tlsfiles.Files, t *http.Transport) *http.Transport {
	c, err := tlsfiles.NewClient(f, "")
	if err != nil {
		t.DialTLSContext = func(context.Context, string, string) (net.Conn, error) { return nil, err }
		return t
	}
	return c.Secure(t)
}

// ask calls a method of the clients in turn until one is not unavailable, for as long as ctx lets it.
func ask[C, Req, Res any](ctx context.Context, clients []C, method func(C, context.Context, *connect.Request[Req]) (*connect.Response[Res], error), request *Req) (*Res, error) {
	for try := 0; ; try++ {
		r, err := method(clients[try%len(clients)], ctx, connect.NewRequest(request))
		if err == nil {
			return r.Msg, nil
		}
		if connect.CodeOf(err) != connect.CodeUnavailable || Wait(ctx, time.Duration(min(try+1, 10))*50*time.Millisecond) != nil {
			return nil, err
		}
	}
}

// Wait waits until the time is over, or the context: then it returns its error.
func Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// desktopURL is the address of the agent desktop's WebSocket.
func desktopURL(base string) string { return strings.TrimSuffix(base, "/") + "/ws/desktop" }
