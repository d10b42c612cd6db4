package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/busyhour/busyhour/api/topics"
	"github.com/busyhour/busyhour/pkg/boot"
)

func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := newRoot()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestCommandsSayWhatTheyShould(t *testing.T) {
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"topics", "plan"}, []string{topics.Signals, topics.ProvisioningDeadLetter}},
		{[]string{"topics", "plan", "--output", "json"}, []string{`"topic": "` + topics.Signals}},
		{[]string{"config"}, []string{"# call-routing:", "# agent-presence:", "# provisioning:", "BUSYHOUR_KAFKA_BROKERS"}},
		{[]string{"config", "provisioning"}, []string{"# provisioning:"}},
		{[]string{"--help"}, []string{"bench", "call", "close", "config", "contract", "provision", "simulate", "stub", "switches", "tail", "topics", "up"}},
	} {
		got, err := run(t, c.args...)
		if err != nil {
			t.Errorf("%v: %v", c.args, err)
		}
		for _, want := range c.says {
			if !strings.Contains(got, want) {
				t.Errorf("%v does not say %q:\n%s", c.args, want, got)
			}
		}
	}
}

func TestWrongUseIsAnError(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"config", "routing"}, `"routing"`},
		{[]string{"topics", "plan", "-o", "yaml"}, "there are text and json"},
		{[]string{"topics", "apply", "--replication-factor", "0"}, "at least 1"},
		{[]string{"call", "--url", "127.0.0.1:8080"}, "http://host:port"},
		{[]string{"simulate", "--agents", "0"}, "agents 0"},
		{[]string{"close", "c-1"}, "reason"},
		{[]string{"close", "--reason", "it hangs"}, "accepts 1 arg"},
		{[]string{"switches", "reap", "sbc-1"}, "reason"},
		{[]string{"provision", "import", "nowhere.csv"}, "nowhere.csv"},
		{[]string{"provision", "watch"}, "accepts 1 arg"},
		{[]string{"provision", "outcomes", "j-1", "--url", "127.0.0.1"}, "http://host:port"},
		{[]string{"provision", "reconcile", "ann"}, "unknown command"},
		{[]string{"provision", "reconcile", "--url", "127.0.0.1"}, "http://host:port"},
		{[]string{"stub", "scim", "--latency", "-1s"}, "latency"},
		{[]string{"tail"}, "accepts 1 arg"},
		{[]string{"tail", "a.topic", "--from", "yesterday"}, "how long ago"},
		{[]string{"contract", "test", "nowhere.json"}, "topic"},
		{[]string{"contract", "test", "--topic", topics.Signals, "nowhere.json"}, "nowhere.json"},
		{[]string{"dance"}, "unknown command"},
	} {
		if _, err := run(t, c.args...); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want a word of %q", c.args, err, c.says)
		}
	}
}

func TestTheStubSaysWhereItIsAndStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	said, out := io.Pipe()
	root := newRoot()
	root.SetOut(out)
	root.SetArgs([]string{"stub", "scim", "--listen", "127.0.0.1:0"})
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	line, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := regexp.MustCompile(`http://[^/]+/scim/v2`).FindString(line)
	res, err := http.Get(url + "/Users")
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", url, res.Status)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTheRunbooksNameCommandsThatThereAre(t *testing.T) {
	text, err := os.ReadFile("../../../../docs/runbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("(?m)(?:`|^    )busyhour ([a-z ]+)").FindAllSubmatch(text, -1)
	if len(named) == 0 {
		t.Error("they name none")
	}
	for _, m := range named {
		words := strings.Fields(string(m[1]))
		found, rest, err := newRoot().Find(words)
		if err != nil || len(rest) > 0 || found.RunE == nil && found.Run == nil {
			t.Errorf("busyhour %s: there is no such command (%v)", m[1], err)
		}
	}
}

func TestTheDoctorEndsWithTheWorst(t *testing.T) {
	out, err := run(t, "doctor", "-o", "json", "--", "--kafka.brokers=127.0.0.1:1", "--redis.addresses=127.0.0.1:1", "--nats.url=nats://127.0.0.1:1")
	var exit *boot.Exit
	if !errors.As(err, &exit) || exit.Code != 2 || !strings.Contains(out, `"worst": "fail"`) {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := run(t, "doctor", "--service", "nobody"); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Error(err)
	}
}
