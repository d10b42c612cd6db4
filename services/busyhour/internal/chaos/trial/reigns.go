package trial

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/fleet"
)

// Closures sum up how often and how long the gate of a tenant and service was closed: from the first pod that said so to
// the first pod that opened it again.
type Closures struct {
	Count   int     `json:"count"`
	Total   float64 `json:"total_s"`
	Median  float64 `json:"median_s"`
	Longest float64 `json:"longest_s"`
}

// gateLine is a line of a pod's log about a gate.
type gateLine struct {
	Time    time.Time `json:"time"`
	Msg     string    `json:"msg"`
	Tenant  string    `json:"tenant"`
	Service string    `json:"service"`
	Epoch   uint32    `json:"epoch"`
}

// closures reads the logs of all pods.
func closures(pods []*fleet.Process, from time.Time) map[string]Closures {
	var lines []gateLine
	for _, p := range pods {
		lines = append(lines, gateLines(p.Log, from)...)
	}
	slices.SortStableFunc(lines, func(a, b gateLine) int { return a.Time.Compare(b.Time) })
	return closuresOf(lines)
}

func gateLines(file string, from time.Time) (all []gateLine) {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !strings.Contains(lines.Text(), `"msg":"gate `) {
			continue
		}
		var l gateLine
		if json.Unmarshal(lines.Bytes(), &l) == nil && l.Time.After(from) {
			all = append(all, l)
		}
	}
	return all
}

// closuresOf lines in the order of time, by service. A pod that closes late, in an epoch that another has opened already,
// counts for nothing.
func closuresOf(lines []gateLine) map[string]Closures {
	type gate struct{ tenant, service string }
	since, epochs, took := map[gate]time.Time{}, map[gate]uint32{}, map[string][]float64{}
	for _, l := range lines {
		g := gate{l.Tenant, l.Service}
		switch closed := since[g]; {
		case l.Msg == "gate open":
			epochs[g] = max(epochs[g], l.Epoch)
			if !closed.IsZero() {
				took[l.Service] = append(took[l.Service], l.Time.Sub(closed).Seconds())
				delete(since, g)
			}
		case closed.IsZero() && l.Epoch >= epochs[g]:
			since[g] = l.Time
		}
	}
	all := map[string]Closures{}
	for service, each := range took {
		slices.Sort(each)
		c := Closures{Count: len(each), Median: each[len(each)/2], Longest: each[len(each)-1]}
		for _, s := range each {
			c.Total += s
		}
		all[service] = c
	}
	return all
}
