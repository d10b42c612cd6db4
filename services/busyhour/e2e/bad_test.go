//go:build stack

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/coder/websocket"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/pkg/eventlog"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// What cannot be read or applied goes to the dead letters with its reason, and the next record of the same partition is
// handled as if nothing had been.
func TestBadRecordsBecomeDeadLettersAndTheGroupMovesOn(t *testing.T) {
	s := set(t, within(t, time.Minute), "bad", nil)
	kafka := producer(t)
	good := func(call string) *routingv1.Signal {
		return &routingv1.Signal{
			Tenant: s.tenant, SwitchId: "sw-kafka", CallId: call, Number: 1, Kind: routingv1.SignalKind_SIGNAL_KIND_OFFERED,
			Offered: &routingv1.CallOffered{QueueId: queue},
		}
	}
	record := func(key string, change func(*routingv1.Signal)) eventlog.Message {
		sig := good(key)
		change(sig)
		m := kafkaSignal(t, sig)
		m.Key = []byte(key)
		return m
	}
	for _, c := range []struct {
		name, reason string
		record       func(key string) eventlog.Message
	}{
		{"garbage", "MALFORMED", func(key string) eventlog.Message { return signalRecord(key, []byte("\xff\xfe not protobuf")) }},
		{"invalid UTF-8", "MALFORMED", func(key string) eventlog.Message {
			m := record(key, func(s *routingv1.Signal) { s.Offered.From = "ZZZZ" })
			m.Value = bytes.Replace(m.Value, []byte("ZZZZ"), []byte("\xff\xfe\xfd\xfc"), 1)
			return m
		}},
		{"a version to come", "TYPE_UNKNOWN", func(key string) eventlog.Message {
			m := record(key, func(*routingv1.Signal) {})
			for i := range m.Headers {
				if m.Headers[i].Key == eventlog.HeaderType {
					m.Headers[i].Value = "busyhour.routing.signal.v9"
				}
			}
			return m
		}},
		{"another tenant", "TENANT_UNKNOWN", func(key string) eventlog.Message {
			return record(key, func(s *routingv1.Signal) { s.Tenant = "nobody" })
		}},
		{"an id of 10 kB", "SIGNAL_INVALID", func(key string) eventlog.Message {
			return record(key, func(s *routingv1.Signal) { s.CallId = strings.Repeat("x", 10<<10) })
		}},
		{"far too large", "TOO_LARGE", func(key string) eventlog.Message { return signalRecord(key, make([]byte, 500<<10)) }},
		{"an unknown queue", "QUEUE_UNKNOWN", func(key string) eventlog.Message {
			return record(key, func(s *routingv1.Signal) { s.Offered.QueueId = "no-such-queue" })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := simulate.NewCallID() // one key, one partition: bad, then good
			next := good(key)
			next.CallId += "-next"
			after := kafkaSignal(t, next)
			after.Key = []byte(key)
			must(t, kafka.Send(s.ctx, c.record(key), after))

			letter, err := w.journal.letter(s.ctx, func(m eventlog.Message) bool { return string(m.Key) == key })
			if err != nil {
				t.Fatalf("no dead letter: %v", err)
			}
			if reason := letter.Header(eventlog.HeaderDeadLetterReason); !strings.HasPrefix(reason, c.reason+":") {
				t.Errorf("the reason is %q, want %s: …", reason, c.reason)
			}
			contact := simulate.ContactID(s.tenant, "sw-kafka", next.CallId)
			if err := w.journal.await(s.ctx, func() bool { return len(w.journal.story(contact)) > 0 }); err != nil {
				t.Errorf("the group does not move on: %v", err)
			}
			_, err = s.clients.Routing[0].CloseContact(s.ctx, connect.NewRequest(&routingv1.CloseContactRequest{Tenant: s.tenant, ContactId: contact, Reason: "end of the test"}))
			must(t, err)
		})
	}
}

func TestBadSignalsOnAStreamAreRefusedAndAcknowledged(t *testing.T) {
	s := set(t, within(t, time.Minute), "bad", nil, "ann")
	ann := s.desk("ann").available()
	sw := s.dial("sw-stream")
	for name, c := range map[string]struct {
		reason string
		signal *routingv1.Signal
	}{
		"an unknown queue": {"QUEUE_UNKNOWN", &routingv1.Signal{CallId: simulate.NewCallID(), Number: 1, Kind: routingv1.SignalKind_SIGNAL_KIND_OFFERED, Offered: &routingv1.CallOffered{QueueId: "no-such-queue"}}},
		"an unknown call":  {"CONTACT_UNKNOWN", &routingv1.Signal{CallId: simulate.NewCallID(), Number: 1, Kind: routingv1.SignalKind_SIGNAL_KIND_ANSWERED}},
		"an id of 10 kB":   {"SIGNAL_INVALID", &routingv1.Signal{CallId: strings.Repeat("x", 10<<10), Number: 1, Kind: routingv1.SignalKind_SIGNAL_KIND_ENDED}},
	} {
		sw.Stream().Send(time.Now(), c.signal)
		select {
		case reason := <-s.refusals:
			if reason != c.reason {
				t.Errorf("%s: refused with %s, want %s", name, reason, c.reason)
			}
		case <-s.ctx.Done():
			t.Fatalf("%s: not refused", name)
		}
	}
	must(t, sw.Stream().Settled(s.ctx))
	c := s.call(sw) // the stream goes on
	s.offered(c).accept(c)
	ann.shows(c.Contact, connected)
	c.HangUp()
	ann.shows(c.Contact, wrapUp)
	ann.act(c.Contact, complete)
	s.ends(sw, c, completed, "queued", "offered", "offer_accepted", "connected", "ended", "completed")
}

// A refusal says what kind of no it is, and which record said it.
func TestBadCommandsGetTypedRefusals(t *testing.T) {
	s := set(t, within(t, time.Minute), "bad", nil, "bea", "cal")
	s.desk("bea").available()
	sw := s.dial("sw-commands")
	c := s.call(sw)
	s.offered(c)
	routing := s.clients.Routing[1]
	get := func(tenant, contact string) error {
		_, err := routing.GetContact(s.ctx, connect.NewRequest(&routingv1.GetContactRequest{Tenant: tenant, ContactId: contact}))
		return err
	}
	act := func(agent string, a routingv1.ActRequest_Action) error {
		_, err := routing.Act(s.ctx, connect.NewRequest(&routingv1.ActRequest{Tenant: s.tenant, AgentId: agent, ContactId: c.Contact, Action: a}))
		return err
	}
	for _, c := range []struct {
		name string
		err  error
		code connect.Code
		says string
	}{
		{"an unknown contact", get(s.tenant, "c-none"), connect.CodeNotFound, "c-none"},
		{"an unknown tenant", get("nobody", "c-none"), connect.CodeNotFound, "nobody"},
		{"an id of 10 kB", get(s.tenant, strings.Repeat("x", 10<<10)), connect.CodeInvalidArgument, "contact_id"},
		{"no tenant", get("", "c-none"), connect.CodeInvalidArgument, "tenant"},
		{"somebody else's offer", act("cal", accept), connect.CodePermissionDenied, c.Contact},
		{"an unknown agent", act("no-such-agent", accept), connect.CodePermissionDenied, c.Contact},
		{"an impossible move", act("bea", complete), connect.CodeFailedPrecondition, c.Contact},
	} {
		if connect.CodeOf(c.err) != c.code || !strings.Contains(c.err.Error(), c.says) {
			t.Errorf("%s: %v, want code %s and a word of %q", c.name, c.err, c.code, c.says)
		}
	}
	c.HangUp()
	s.ends(sw, c, abandoned, "queued", "offered", "abandoned")
}

func TestBadBytesOverHTTP(t *testing.T) {
	ctx := within(t, time.Minute)
	for _, c := range []struct {
		name, body, says string
		status           int
	}{
		{"invalid UTF-8", "{\"tenant\":\"" + w.tenant("bad") + "\",\"contactId\":\"\xff\xfe\"}", "UTF-8", http.StatusBadRequest},
		{"no JSON", "{", "", http.StatusBadRequest},
		{"2 MiB", `{"tenant":"` + strings.Repeat("x", 2<<20) + `"}`, "", http.StatusTooManyRequests},
	} {
		status, body := post(ctx, t, w.fleet.URLs(fleet.Routing)[0]+"/busyhour.routing.v1.RoutingService/GetContact", c.body)
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s, want %d and a word of %q", c.name, status, body, c.status, c.says)
		}
	}
}

func post(ctx context.Context, t *testing.T, url, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	must(t, err)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, string(b)
}

func TestBadScreens(t *testing.T) {
	s := set(t, within(t, time.Minute), "bad", nil, "dan")
	for _, c := range []struct{ name, tenant, agent, reason string }{
		{"an unknown agent", s.tenant, "no-such-agent", "AGENT_UNKNOWN"},
		{"an unknown tenant", "nobody", "dan", "TENANT_UNKNOWN"},
	} {
		lost := make(chan error, 1)
		screen := simulate.NewScreen(simulate.ScreenConfig{Tenant: c.tenant, Agent: c.agent, URLs: w.fleet.URLs(fleet.Presence), Lost: func(err error) {
			select {
			case lost <- err:
			default:
			}
		}})
		run(t, screen.Run)
		select {
		case err := <-lost:
			if err == nil || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("%s: cut off with %v, want %s", c.name, err, c.reason)
			}
		case <-s.ctx.Done():
			t.Errorf("%s: the log-in is not refused", c.name)
		}
	}
	for _, c := range []struct {
		name string
		kind websocket.MessageType
		data []byte
	}{
		{"a frame of 2 MiB", websocket.MessageBinary, make([]byte, 2<<20)},
		{"garbage", websocket.MessageBinary, []byte("\xff\xfe\xfd")},
		{"something before the log-in", websocket.MessageText, []byte(`{"pong":{}}`)},
	} {
		if err := answerTo(s.ctx, c.kind, c.data); errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: the socket is not closed", c.name)
		}
	}
	s.desk("dan").available() // and the next screen works
}

// answerTo opens a socket, sends one message, and returns how it was closed.
func answerTo(ctx context.Context, kind websocket.MessageType, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	o := &websocket.DialOptions{}
	if kind == websocket.MessageBinary {
		o.Subprotocols = []string{simulate.Subprotocol}
	}
	conn, _, err := websocket.Dial(ctx, w.fleet.URLs(fleet.Presence)[0]+"/ws/desktop", o)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	if err := conn.Write(ctx, kind, data); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			return err
		}
	}
}
