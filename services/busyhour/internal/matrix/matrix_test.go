package matrix

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/busyhour/busyhour/api/access"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/pkg/refusal"
)

var update = flag.Bool("update", false, "write testdata/matrix.txt and docs/security.md anew")

// methods are all of our services', as the binary knows them.
func methods() (all []protoreflect.MethodDescriptor) {
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				if strings.HasPrefix(string(s.FullName()), "busyhour.") {
					all = append(all, s.Methods().Get(j))
				}
			}
		}
		return true
	})
	slices.SortFunc(all, func(a, b protoreflect.MethodDescriptor) int { return strings.Compare(route(a), route(b)) })
	return all
}

func route(m protoreflect.MethodDescriptor) string {
	return fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
}

func ruleOf(route string) (access.Rule, bool) {
	table := access.Table()
	i := slices.IndexFunc(table, func(r access.Rule) bool { return r.Route == route })
	if i < 0 {
		return access.Rule{}, false
	}
	return table[i], true
}

func TestEveryMethodHasARowAndItsFieldsAreThere(t *testing.T) {
	if len(methods()) < 30 {
		t.Fatalf("only %d methods are known", len(methods()))
	}
	for _, m := range methods() {
		r, ok := ruleOf(route(m))
		if !ok {
			t.Errorf("%s has no row in api/access: say who may call it", route(m))
			continue
		}
		if r.Tenant == "" {
			t.Errorf("%s: say which field names the tenant", route(m))
		}
		for _, path := range []string{r.Tenant, r.Agent} {
			if path != "" && fieldAt(m.Input(), path) == nil {
				t.Errorf("%s: there is no field %s in %s", route(m), path, m.Input().FullName())
			}
		}
		if (len(r.Self) > 0) != (r.Agent != "") {
			t.Errorf("%s: roles that act as themselves need a field that names the agent, and it them", route(m))
		}
	}
}

func TestEveryRowIsOfSomethingAndNamesRolesThatThereAre(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range access.Table() {
		if seen[r.Route] {
			t.Errorf("%s has two rows", r.Route)
		}
		seen[r.Route] = true
		for _, role := range append(slices.Clone(r.Roles), r.Self...) {
			if role != access.Anyone && !slices.Contains(access.All, role) {
				t.Errorf("%s: there is no role %q", r.Route, role)
			}
		}
		if strings.HasPrefix(r.Route, "/busyhour.") && !strings.HasSuffix(r.Route, "/") && !slices.ContainsFunc(methods(), func(m protoreflect.MethodDescriptor) bool { return route(m) == r.Route }) {
			t.Errorf("%s is no method", r.Route)
		}
	}
}

func fieldAt(m protoreflect.MessageDescriptor, path string) protoreflect.FieldDescriptor {
	name, rest, inner := strings.Cut(path, ".")
	f := m.Fields().ByName(protoreflect.Name(name))
	if f == nil || !inner {
		return f
	}
	return fieldAt(f.Message(), rest)
}

// tokens of the tests are who they are in JSON: callers takes them at their word.
type callers struct{}

func (callers) Identify(_ context.Context, token string) (*identity.Identity, error) {
	who := &identity.Identity{}
	if token == "" || json.Unmarshal([]byte(token), who) != nil {
		return nil, refusal.New(refusal.Unauthenticated, "TOKEN_MISSING", "there is no token")
	}
	return who, nil
}

func (callers) Spend(string) error { return nil }

// site serves every method by a handler that does nothing, behind the real guard and interceptors.
func site(t *testing.T) http.Handler {
	t.Helper()
	reg := prometheus.NewRegistry()
	s := edge.NewServer(edge.ServerConfig{Callers: callers{}}, zap.NewNop(), reg)
	for _, r := range access.Table() {
		s.Allow(nil, edge.Rule(r))
	}
	mux := http.NewServeMux()
	services := map[string]bool{}
	for _, m := range methods() {
		mux.Handle(route(m), handler(m, edge.Options(zap.NewNop(), reg, nil)))
		services[string(m.Parent().FullName())] = true
	}
	for name := range services {
		s.Mount(name, "/"+name+"/", mux)
	}
	return s.Handler()
}

var errReached = connect.NewError(connect.CodeUnimplemented, errors.New("reached"))

func handler(m protoreflect.MethodDescriptor, options []connect.HandlerOption) http.Handler {
	options = append(options, connect.WithSchema(m), connect.WithRequestInitializer(func(_ connect.Spec, message any) error {
		*message.(*dynamicpb.Message) = *dynamicpb.NewMessage(m.Input())
		return nil
	}))
	type message = dynamicpb.Message
	switch {
	case m.IsStreamingClient() && m.IsStreamingServer():
		return connect.NewBidiStreamHandler(route(m), func(_ context.Context, s *connect.BidiStream[message, message]) error {
			if _, err := s.Receive(); err != nil {
				return err
			}
			return errReached
		}, options...)
	case m.IsStreamingClient():
		return connect.NewClientStreamHandler(route(m), func(_ context.Context, s *connect.ClientStream[message]) (*connect.Response[message], error) {
			if !s.Receive() {
				return nil, s.Err()
			}
			return nil, errReached
		}, options...)
	case m.IsStreamingServer():
		return connect.NewServerStreamHandler(route(m), func(context.Context, *connect.Request[message], *connect.ServerStream[message]) error {
			return errReached
		}, options...)
	}
	return connect.NewUnaryHandler(route(m), func(context.Context, *connect.Request[message]) (*connect.Response[message], error) {
		return nil, errReached
	}, options...)
}

// ask calls a method as somebody, about a tenant and an agent, and says what came of it: yes, or the code of the refusal.
func ask(t *testing.T, h http.Handler, m protoreflect.MethodDescriptor, who *identity.Identity, tenant, agent string) string {
	t.Helper()
	in := dynamicpb.NewMessage(m.Input())
	r, _ := ruleOf(route(m))
	set(in, r.Tenant, tenant)
	set(in, r.Agent, agent)
	body, err := protojson.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	streams := m.IsStreamingClient() || m.IsStreamingServer()
	kind := "application/json"
	if streams {
		kind = "application/connect+json"
		body = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...)
	}
	req := httptest.NewRequest(http.MethodPost, route(m), bytes.NewReader(body))
	req.Proto, req.ProtoMajor, req.ProtoMinor = "HTTP/2.0", 2, 0
	req.Header.Set("Content-Type", kind)
	if who != nil {
		token, err := json.Marshal(who)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+string(token))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return codeIn(t, w.Body.Bytes(), streams)
}

func codeIn(t *testing.T, body []byte, streams bool) string {
	t.Helper()
	var said struct {
		Code  string
		Error struct{ Code string }
	}
	if streams {
		if len(body) < 5 || body[0]&2 == 0 {
			t.Fatalf("a stream that has no end: %q", body)
		}
		body = body[5:]
	}
	if err := json.Unmarshal(body, &said); err != nil {
		t.Fatalf("%v: %q", err, body)
	}
	switch code := said.Code + said.Error.Code; code {
	case "unimplemented", "invalid_argument": // it came to the handler, or to the rules of the message, which stand behind
		return "yes"
	default:
		return code
	}
}

// set the field at the end of a path.
func set(m protoreflect.Message, path, value string) {
	if path == "" {
		return
	}
	name, rest, inner := strings.Cut(path, ".")
	f := m.Descriptor().Fields().ByName(protoreflect.Name(name))
	switch {
	case inner:
		set(m.Mutable(f).Message(), rest, value)
	case f.IsList():
		m.Mutable(f).List().Append(protoreflect.ValueOfString(value))
	default:
		m.Set(f, protoreflect.ValueOfString(value))
	}
}

// Every method, by every role and by nobody, about the own tenant and another, about the own agent and another.
func TestWhoMayDoWhat(t *testing.T) {
	h := site(t)
	var out strings.Builder
	for _, m := range methods() {
		fmt.Fprintf(&out, "%s\n", strings.TrimPrefix(route(m), "/busyhour."))
		for _, role := range append([]string{"nobody", "no role"}, access.All...) {
			var who *identity.Identity
			if role != "nobody" {
				who = &identity.Identity{Subject: "u", Tenants: []string{"acme"}, Agent: "ann", Roles: []string{role}}
			}
			fmt.Fprintf(&out, "  %-10s  own tenant: self %s, other %s;  other tenant: self %s, other %s\n", role,
				ask(t, h, m, who, "acme", "ann"), ask(t, h, m, who, "acme", "bob"),
				ask(t, h, m, who, "other", "ann"), ask(t, h, m, who, "other", "bob"))
		}
	}
	golden(t, "testdata/matrix.txt", out.String())
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is not what the table gives; read the difference, and then: go test ./internal/matrix -update\n%s", path, got)
	}
}

func TestSomebodyOfSeveralTenantsOrOfAll(t *testing.T) {
	h, list := site(t), methodOf(t, "/busyhour.provisioning.v1.JobService/ListJobs")
	for tenants, want := range map[string]string{"acme other": "yes", "*": "yes", "acme": "permission_denied", "": "permission_denied"} {
		who := &identity.Identity{Subject: "s", Roles: []string{access.Service}, Tenants: strings.Fields(tenants)}
		if got := ask(t, h, list, who, "other", ""); got != want {
			t.Errorf("%q: %s", tenants, got)
		}
	}
}

func TestAnAgentMayNotWatchEverybody(t *testing.T) {
	h, watch := site(t), methodOf(t, "/busyhour.presence.v1.PresenceService/Watch")
	who := &identity.Identity{Subject: "u", Tenants: []string{"acme"}, Agent: "ann", Roles: []string{access.Agent}}
	in := dynamicpb.NewMessage(watch.Input())
	set(in, "tenant", "acme")
	if err := (&edge.Rule{Route: "r", Self: []string{access.Agent}, Tenant: "tenant", Agent: "agent_ids"}).Admits(who, in); err == nil {
		t.Error("they may")
	}
	if got := ask(t, h, watch, who, "acme", "ann"); got != "yes" {
		t.Errorf("not even themself: %s", got)
	}
}

func TestAnAgentWithoutAClaimIsNobody(t *testing.T) {
	who := &identity.Identity{Subject: "u", Tenants: []string{"acme"}, Roles: []string{access.Agent}}
	if got := ask(t, site(t), methodOf(t, "/busyhour.routing.v1.RoutingService/Act"), who, "acme", "ann"); got != "permission_denied" {
		t.Error(got)
	}
}

func methodOf(t *testing.T, name string) protoreflect.MethodDescriptor {
	t.Helper()
	all := methods()
	i := slices.IndexFunc(all, func(m protoreflect.MethodDescriptor) bool { return route(m) == name })
	if i < 0 {
		t.Fatalf("there is no %s", name)
	}
	return all[i]
}

const (
	begin = "<!-- begin: busyhour access matrix -->\n"
	end   = "<!-- end: busyhour access matrix -->\n"
)

func TestTheDocumentHasTheMatrix(t *testing.T) {
	const path = "../../../../docs/security.md"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the matrix", path)
	}
	var table strings.Builder
	if err := Markdown(&table, access.Table()); err != nil {
		t.Fatal(err)
	}
	golden(t, path, before+begin+table.String()+"\n"+end+after)
}
