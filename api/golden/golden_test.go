package golden

import (
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
)

func TestThisVersionReadsItsOwnEvents(t *testing.T) {
	if unread, err := Unread(Files()); err != nil || len(unread) > 0 {
		t.Errorf("%v %v", unread, err)
	}
}

func TestAnEventThatIsReadAsSomethingElseIsNamed(t *testing.T) {
	value, err := proto.Marshal(&commonv1.Gap{Tenant: "acme", Epoch: 7})
	if err != nil {
		t.Fatal(err)
	}
	for name, older := range map[string]struct {
		value []byte
		json  string
	}{
		"another value": {value, `{"tenant":"acme","epoch":8}`},
		"field gone":    {append(value, 0xa0, 0x06, 1), `{"tenant":"acme","epoch":7}`},
		"renamed":       {value, `{"tenant":"acme","era":7}`},
		"no message":    {[]byte{0xff}, `{}`},
	} {
		files := fstest.MapFS{
			dir + events.RoutingGap + ".bin":          {Data: older.value},
			dir + events.RoutingGap + ".json":         {Data: []byte(older.json)},
			dir + events.RoutingGap + ".headers.json": {Data: []byte(`{}`)},
		}
		if unread, err := Unread(files); err != nil || len(unread) != 1 {
			t.Errorf("%s: %v %v", name, unread, err)
		}
	}
}

func TestEveryTypeHasItsEvent(t *testing.T) {
	for _, e := range events.Table() {
		r, ok := Of(e.Type)
		if !ok {
			t.Errorf("%s has no event", e.Type)
			continue
		}
		if r.Topic != e.Topics[0] {
			t.Errorf("%s stands in %s, the table says %s", e.Type, r.Topic, e.Topics[0])
		}
		if going := r.Headers["ce_deprecated"] == "true"; going != (e.Deprecated != nil) {
			t.Errorf("%s: its headers say that it goes: %t, the table says otherwise", e.Type, going)
		}
		if s, given := r.Headers["ce_dataschema"]; given && s != e.Schema {
			t.Errorf("%s: ce_dataschema is %s, want %s", e.Type, s, e.Schema)
		}
	}
}
