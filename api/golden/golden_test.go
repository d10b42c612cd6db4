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
