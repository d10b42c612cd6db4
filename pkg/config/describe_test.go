package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type described struct {
	Name  string   `key:"name" default:"it's" doc:"What it is called."`
	Hosts []string `key:"hosts" default:"a,b" doc:"Where it is."`
	Deep  struct {
		Down struct {
			Port int `key:"port" default:"1" doc:"Which port."`
		} `key:"down"`
		Word string `key:"word" default:"hush" doc:"A secret." secret:"true"`
	} `key:"deep"`
	Empty string `key:"empty" doc:"Nothing."`
}

func (d *described) Defaults() { d.Deep.Down.Port = 7 }

const wantDescribed = `# thing: every key. A flag (--a.b) wins over the environment, that over the file (--config), that over the default.
# A variable with _FILE behind its name is the path of a file with the value, for secrets that are mounted.

# What it is called.
# BUSYHOUR_NAME
name: it's

# Where it is.
# BUSYHOUR_HOSTS
hosts: [a, b]

deep:

  down:

    # Which port.
    # BUSYHOUR_DEEP_DOWN_PORT
    port: 7

  # A secret.
  # BUSYHOUR_DEEP_WORD
  word: '********'

# Nothing.
# BUSYHOUR_EMPTY
empty: ""
`

func TestDescribeIsAFileThatLoadReads(t *testing.T) {
	var b strings.Builder
	if err := Describe(&b, "thing", new(described)); err != nil {
		t.Fatal(err)
	}
	if b.String() != wantDescribed {
		t.Errorf("got:\n%s", b.String())
	}
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var c described
	if err := Load("thing", &c, []string{"--config", path}); err != nil {
		t.Fatal(err)
	}
	if c.Name != "it's" || len(c.Hosts) != 2 || c.Deep.Down.Port != 7 {
		t.Errorf("got %+v", c)
	}
}

func TestDescribeShowsWhatWasLoaded(t *testing.T) {
	var c described
	if err := Load("thing", &c, []string{"--deep.down.port=9", "--name=x", "--deep.word=sesame"}); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := Describe(&b, "thing", &c); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"port: 9", "name: x", "word: '********'"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("missing %q in:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "sesame") {
		t.Error("the secret is shown")
	}
}

func TestWhoLogsInByAnAddressIsNotShown(t *testing.T) {
	var c described
	if err := Load("thing", &c, []string{"--name=nats://ann:p@ss@one:1,nats://tok@two:2", "--hosts=https://ann:sesame@three"}); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := Describe(&b, "thing", &c); err != nil {
		t.Fatal(err)
	}
	if want := "nats://********@one:1,nats://********@two:2"; !strings.Contains(b.String(), want) {
		t.Errorf("missing %q in:\n%s", want, b.String())
	}
	for _, hidden := range []string{"ann", "p@ss", "tok", "sesame"} {
		if strings.Contains(b.String(), hidden) {
			t.Errorf("%q is shown", hidden)
		}
	}
}

func TestUsageNamesEveryFlag(t *testing.T) {
	var b strings.Builder
	if err := Usage(&b, "thing", new(described)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--name", "--deep.down.port", "(7)", "Which port."} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("missing %q in:\n%s", want, b.String())
		}
	}
}
