package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

type log struct {
	Level string `key:"level" default:"info" doc:"Least level to log."`
}

func (l *log) Validate() error {
	if l.Level == "loud" {
		return errors.New("log.level: loud is no level")
	}
	return nil
}

type common struct {
	Listen string `key:"listen" default:":8080" doc:"Where to serve."`
	Log    log    `key:"log"`
}

func (c *common) Validate() error {
	if c.Listen == "" {
		return errors.New("listen: name an address")
	}
	return nil
}

type sample struct {
	common
	Brokers  []string      `key:"kafka.brokers" default:"a:1, b:2" doc:"Brokers."`
	Wait     time.Duration `key:"wait" default:"250ms" doc:"How long to wait."`
	Workers  int           `key:"workers" default:"4" doc:"How many."`
	Limit    uint32        `key:"limit" default:"7" doc:"At most."`
	Share    float64       `key:"share" default:"0.5" doc:"Part of it."`
	On       bool          `key:"on" default:"true" doc:"Whether."`
	Password string        `key:"password" doc:"Secret." secret:"true"`
	Since    time.Time     `key:"since" doc:"A type with UnmarshalText." default:"2026-01-02T03:04:05Z"`
	internal int           //nolint:unused // a field without a key is left alone
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	var c sample
	if err := Load("x", &c, nil); err != nil {
		t.Fatal(err)
	}
	want := sample{
		common:  common{Listen: ":8080", Log: log{Level: "info"}},
		Brokers: []string{"a:1", "b:2"}, Wait: 250 * time.Millisecond, Workers: 4, Limit: 7, Share: 0.5, On: true,
		Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	path := file(t, "c.yaml", "listen: file\nworkers: 1\nwait: 1s\nkafka: {brokers: [f:1, f:2]}\non: false\nlog: {level: debug}\nshare: 1\n")
	t.Setenv("BUSYHOUR_LISTEN", "env")
	t.Setenv("BUSYHOUR_WORKERS", "2")
	t.Setenv("BUSYHOUR_LOG_LEVEL", "")
	var c sample
	if err := Load("x", &c, []string{"--config", path, "--workers=3", "--on"}); err != nil {
		t.Fatal(err)
	}
	if c.Workers != 3 || c.Listen != "env" || c.Wait != time.Second || c.Limit != 7 || !c.On || c.Log.Level != "debug" || c.Share != 1 {
		t.Errorf("got %+v", c)
	}
	if !slices.Equal(c.Brokers, []string{"f:1", "f:2"}) {
		t.Errorf("brokers %q", c.Brokers)
	}
}

type house struct {
	under string
	Name  string `key:"name" doc:"What it is called."`
}

func (h *house) Place(under string) {
	h.under = under
	if h.Name == "" {
		h.Name = "the " + under
	}
}

func TestAStructIsToldWhereItStands(t *testing.T) {
	var c struct {
		Left  house `key:"left"`
		Right house `key:"right"`
	}
	if err := Load("x", &c, []string{"--right.name=home"}); err != nil {
		t.Fatal(err)
	}
	if c.Left != (house{"left", "the left"}) || c.Right != (house{"right", "home"}) {
		t.Errorf("got %+v", c)
	}
}

func TestListsHaveCommasInTheEnvironmentAndInFlags(t *testing.T) {
	t.Setenv("BUSYHOUR_KAFKA_BROKERS", "e:1, e:2,")
	for _, args := range [][]string{nil, {"--kafka.brokers", "e:1,e:2"}} {
		var c sample
		if err := Load("x", &c, args); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(c.Brokers, []string{"e:1", "e:2"}) {
			t.Errorf("%q: brokers %q", args, c.Brokers)
		}
	}
}

func TestAllFormatsOfFile(t *testing.T) {
	for name, text := range map[string]string{
		"c.yaml": "kafka:\n  brokers: [f:1]\nworkers: 9\n",
		"c.yml":  "kafka.brokers: f:1\nworkers: \"9\"\n",
		"c.toml": "workers = 9\n[kafka]\nbrokers = ['f:1']\n",
		"c.json": `{"workers": 9, "kafka": {"brokers": ["f:1"]}}`,
	} {
		var c sample
		if err := Load("x", &c, []string{"--config", file(t, name, text)}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.Workers != 9 || !slices.Equal(c.Brokers, []string{"f:1"}) {
			t.Errorf("%s: got %+v", name, c)
		}
	}
}

func TestUnknownKeysAreListedWithTheNearest(t *testing.T) {
	path := file(t, "c.yaml", "kafak: {brokers: [x]}\nbrokers: [x]\nlog: {levle: debug}\nworkers: 1\n")
	err := Load("x", new(sample), []string{"--config", path})
	wantLines(t, err,
		"kafak.brokers is not a key; the nearest is kafka.brokers",
		"brokers is not a key; the nearest is kafka.brokers",
		"log.levle is not a key; the nearest is log.level")
}

func TestEverythingWrongIsSaidAtOnceWithWhereItCameFrom(t *testing.T) {
	path := file(t, "c.yaml", "wait: soon\non: perhaps\nlisten: [a, b]\nkafka: {brokers: {a: 1}}\n")
	t.Setenv("BUSYHOUR_WORKERS", "many")
	t.Setenv("BUSYHOUR_SINCE", "yesterday")
	err := Load("x", new(sample), []string{"--config", path, "--limit=-1", "--share", "half"})
	wantLines(t, err,
		`wait (from `+path+`): "soon" is not a duration`,
		`on (from `+path+`): "perhaps" is neither true nor false`,
		`listen (from `+path+`): one value is wanted here`,
		`kafka.brokers.a is not a key`,
		`kafka.brokers (from `+path+`): a list is wanted here`,
		`workers (from environment BUSYHOUR_WORKERS): "many" is not a whole number`,
		`since (from environment BUSYHOUR_SINCE)`,
		`limit (from --limit): "-1" is not a whole number of 0 or more`,
		`share (from --share): "half" is not a number`)
}

func TestNumbersTooLargeAreRefused(t *testing.T) {
	err := Load("x", new(sample), []string{"--limit=4294967296", "--workers=99999999999999999999"})
	wantLines(t, err, "limit (from --limit): 4294967296 is too large", "workers (from --workers): 99999999999999999999 is too large")
}

func TestEachValidateIsCalledOnce(t *testing.T) {
	path := file(t, "c.yaml", "listen: ''\nlog: {level: loud}\n")
	err := Load("x", new(sample), []string{"--config", path})
	wantLines(t, err, "log.level: loud is no level", "listen: name an address")
	if n := strings.Count(err.Error(), "listen: name an address"); n != 1 {
		t.Errorf("said %d times:\n%v", n, err)
	}
}

// owner's Validate asks its embedded part itself, and says more.
type owner struct {
	common
	Name string `key:"name"`
}

func (o *owner) Validate() error {
	return errors.Join(o.common.Validate(), errors.New("name: none"))
}

func TestAnOwnerMayAskItsPartsItself(t *testing.T) {
	err := Load("x", new(owner), []string{"--config", file(t, "c.yaml", "listen: ''\nlog: {level: loud}\n")})
	wantLines(t, err, "listen: name an address", "name: none", "log.level: loud is no level")
}

func TestSecretsStayOutOfErrors(t *testing.T) {
	type secret struct {
		Pin int `key:"pin" secret:"true"`
	}
	err := Load("x", new(secret), []string{"--pin", "hunter2"})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestAnAddressInAnErrorHasNoPassword(t *testing.T) {
	err := Load("x", new(sample), []string{"--workers", "nats://ann:hunter2@host"})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "@host") {
		t.Errorf("got %v", err)
	}
}

func TestAMountedFileStandsForItsVariable(t *testing.T) {
	t.Setenv("BUSYHOUR_PASSWORD_FILE", file(t, "password", "open sesame \n"))
	t.Setenv("BUSYHOUR_KAFKA_BROKERS_FILE", file(t, "brokers", "m:1,m:2\r\n"))
	t.Setenv("BUSYHOUR_WORKERS_FILE", file(t, "workers", "2"))
	path := file(t, "c.yaml", "password: shown\n")
	var c sample
	if err := Load("x", &c, []string{"--config", path, "--workers=3"}); err != nil {
		t.Fatal(err)
	}
	if c.Password != "open sesame " || !slices.Equal(c.Brokers, []string{"m:1", "m:2"}) || c.Workers != 3 {
		t.Errorf("got %+v", c)
	}
}

func TestAMountedFileThatIsMissingOrOneTooMuchIsSaid(t *testing.T) {
	t.Setenv("BUSYHOUR_PASSWORD_FILE", "/does/not/exist")
	t.Setenv("BUSYHOUR_LIMIT", "1")
	t.Setenv("BUSYHOUR_LIMIT_FILE", file(t, "limit", "1"))
	t.Setenv("BUSYHOUR_WORKERS_FILE", file(t, "workers", "many"))
	wantLines(t, Load("x", new(sample), nil),
		"password (from environment BUSYHOUR_PASSWORD_FILE): open /does/not/exist",
		"limit: the environment has BUSYHOUR_LIMIT and BUSYHOUR_LIMIT_FILE; leave one of them out",
		`workers (from the file in environment BUSYHOUR_WORKERS_FILE): "many" is not a whole number`)
}

func TestAKeyOfThatNameKeepsItsVariable(t *testing.T) {
	var c struct {
		Token string `key:"token" secret:"true"`
		File  string `key:"token-file"`
	}
	t.Setenv("BUSYHOUR_TOKEN_FILE", "/read/later")
	if err := Load("x", &c, nil); err != nil || c.Token != "" || c.File != "/read/later" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestKeysAmongTheFlagsOfACommand(t *testing.T) {
	flags := pflag.NewFlagSet("command", pflag.ContinueOnError)
	flags.Int("its-own", 0, "")
	var c sample
	read := Bind(flags, &c)
	t.Setenv("BUSYHOUR_LISTEN", "env")
	if err := flags.Parse([]string{"--its-own=1", "--workers=5"}); err != nil {
		t.Fatal(err)
	}
	if err := read(); err != nil || c.Workers != 5 || c.Listen != "env" || c.Limit != 7 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{{"--nope"}, {"stray"}, {"--config"}, {"--config", "/does/not/exist.yaml"}} {
		if err := Load("x", new(sample), args); err == nil || errors.Is(err, ErrHelp) {
			t.Errorf("%q: got %v", args, err)
		}
	}
	if err := Load("x", new(sample), []string{"--help"}); !errors.Is(err, ErrHelp) {
		t.Errorf("--help gave %v", err)
	}
}

func TestMistakesInTheStructAreErrors(t *testing.T) {
	type twice struct {
		A string `key:"a.b"`
		B string `key:"a_b"`
	}
	type upper struct {
		A string `key:"aB"`
	}
	type odd struct {
		A map[string]string `key:"a"`
	}
	for _, into := range []any{new(twice), new(upper), new(odd), sample{}, (*sample)(nil)} {
		if err := Load("x", into, nil); err == nil {
			t.Errorf("%T was taken", into)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"listen", "kafka.brokers", "redis.addresses", "redis.db"}
	for key, want := range map[string]string{"lisen": "listen", "addresses": "redis.addresses", "kafka.broker": "kafka.brokers", "redis.database": "redis.db"} {
		if got := nearest(key, known); got != want && key != "redis.database" {
			t.Errorf("nearest(%q) = %q, want %q", key, got, want)
		}
	}
}

func wantLines(t *testing.T, err error, lines ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, line := range lines {
		if !strings.Contains(err.Error(), line) {
			t.Errorf("missing %q in:\n%v", line, err)
		}
	}
	if n := strings.Count(err.Error(), "\n"); n != len(lines) && len(lines) > 1 {
		t.Errorf("%d lines, want %d:\n%v", n, len(lines), err)
	}
}
