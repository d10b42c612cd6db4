package doctor

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/busyhour/busyhour/services/busyhour/internal/operate"
)

// seen is what one pod says of itself.
type seen struct{ service, version string }

func lookAtPods(ctx context.Context, f *Findings, urls, tenants []string) {
	if len(urls) == 0 {
		f.about("pods").warn("pods", "name the operations port of each pod with --ops-url", "none was named, so none was looked at")
		return
	}
	var (
		looks sync.WaitGroup
		mu    sync.Mutex
		all   []seen
	)
	for _, url := range urls {
		looks.Go(func() {
			s := lookAtPod(ctx, f.about("pod "+url), url, tenants)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, s)
		})
	}
	looks.Wait()
	lookAtVersions(f.about("pods"), all)
}

func lookAtPod(ctx context.Context, a about, url string, tenants []string) (s seen) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	said, when, err := get(ctx, url+"/readyz")
	switch {
	case err != nil:
		a.fail("connection", "is the address right, does the pod run, is it ops.listen, does a network policy let this machine in?", "no answer: %v", err)
		return s
	case said.code != http.StatusOK:
		a.fail("ready", "mend what it waits for", "%s", strings.TrimSpace(said.body))
	default:
		a.ok("ready", "%s", strings.TrimSpace(said.body))
	}
	if !when.IsZero() {
		tellSkew(a, time.Until(when).Round(time.Second), time.Second)
	}
	status, err := operate.Pod{URL: url}.Statusz(ctx)
	if err != nil {
		a.fail("state", "busyhour state status", "%v", err)
		return s
	}
	s.service = status.Service
	served := map[string]bool{}
	for _, t := range status.Tenants {
		served[t.Tenant] = true
		check := status.Service + ", tenant " + t.Tenant
		if !t.Open {
			a.fail(check, "busyhour state status; docs/runbooks.md, BusyhourGateClosed", "closed, %s: %s", t.Phase, t.Why)
			continue
		}
		a.ok(check, "open, epoch %d", t.Epoch)
	}
	for _, t := range tenants {
		if !served[t] {
			a.fail(status.Service+", tenant "+t, "name it in `tenants` of this service too", "is not served by this pod")
		}
	}
	if text, _, err := get(ctx, url+"/metrics"); err == nil {
		s.version = versionIn(text.body)
	}
	return s
}

type answer struct {
	code int
	body string
}

// get asks, and also tells the pod's clock.
func get(ctx context.Context, url string) (answer, time.Time, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return answer{}, time.Time{}, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, time.Time{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	when, _ := http.ParseTime(res.Header.Get("Date"))
	return answer{res.StatusCode, string(body)}, when, err
}

var build = regexp.MustCompile(`^go_build_info\{.*version="([^"]*)"`)

// versionIn finds the build in the metrics.
func versionIn(metrics string) string {
	for lines := bufio.NewScanner(strings.NewReader(metrics)); lines.Scan(); {
		if m := build.FindStringSubmatch(lines.Text()); m != nil {
			return m[1]
		}
	}
	return ""
}

// lookAtVersions compares the builds within each service: two at once are a rolling update, or one that was forgotten.
func lookAtVersions(a about, all []seen) {
	versions := map[string]map[string]int{}
	for _, s := range all {
		if s.service == "" {
			continue
		}
		if versions[s.service] == nil {
			versions[s.service] = map[string]int{}
		}
		versions[s.service][s.version]++
	}
	for _, service := range slices.Sorted(maps.Keys(versions)) {
		var words []string
		for _, v := range slices.Sorted(maps.Keys(versions[service])) {
			words = append(words, fmt.Sprintf("%d × %s", versions[service][v], v))
		}
		if len(words) > 1 {
			a.warn(service, "finish the rolling update, or find what holds the old pods", "more than one version runs: %s", strings.Join(words, ", "))
		} else {
			a.ok(service, "%s", words[0])
		}
	}
}
