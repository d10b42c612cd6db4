package bench

import (
	"testing"
	"time"

	"github.com/busyhour/busyhour/pkg/embedded"
	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

func TestEveryEventOfTheFloorComesBack(t *testing.T) {
	redis, err := embedded.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	nats, err := embedded.StartNATS()
	if err != nil {
		t.Fatal(err)
	}
	defer nats.Close()
	f, err := openFloor(t.Context(), fleet.Servers{Redis: []string{redis.Addr}, NATS: nats.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer f.close(t.Context())
	l := f.run(t.Context(), 200*3600, 500*time.Millisecond, 1)
	if l.Count < 50 || f.open() > 0 || l.P50 <= 0 {
		t.Errorf("%+v, %d did not come back", l, f.open())
	}
}
