package chart

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/busyhour/busyhour/pkg/config"
	presence "github.com/busyhour/busyhour/services/agent-presence"
	routing "github.com/busyhour/busyhour/services/call-routing"
	"github.com/busyhour/busyhour/services/provisioning"
)

// rendered is what the chart makes of its values files; the chart's own tests keep it up to date.
const rendered = "../../../../charts/testdata/manifests/*.yaml"

// object is as much of a manifest as says what a container is told.
type object struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Template struct {
			Spec struct{ Containers []container }
		}
	}
}

type container struct {
	Name    string
	EnvFrom []struct{ ConfigMapRef struct{ Name string } } `yaml:"envFrom"`
	Env     []struct{ Name, Value string }
}

// told is what a service is told: variables by name, and a file, or "".
type told struct {
	service string
	env     map[string]string
	file    string
}

func TestServicesKnowWhatTheChartTellsThem(t *testing.T) {
	paths, err := filepath.Glob(rendered)
	if err != nil || len(paths) == 0 {
		t.Fatalf("the chart renders nothing: %v", err)
	}
	for _, path := range paths {
		for _, told := range deployments(t, path) {
			known := keys(t, told.service)
			for _, name := range slices.Sorted(maps.Keys(told.env)) {
				if !strings.HasPrefix(name, "BUSYHOUR_") {
					continue
				}
				if !known[name] && !known[strings.TrimSuffix(name, "_FILE")] {
					t.Errorf("%s: %s is told %s, which is none of its keys", filepath.Base(path), told.service, name)
				}
			}
			if told.file != "" {
				readFile(t, path, told)
			}
		}
	}
}

// TestServicesTakeWhatALaptopTellsThem: every value fits, and nothing is missing.
func TestServicesTakeWhatALaptopTellsThem(t *testing.T) {
	for _, told := range deployments(t, filepath.Join(filepath.Dir(rendered), "dev.yaml")) {
		t.Run(told.service, func(t *testing.T) {
			for name, value := range told.env {
				t.Setenv(name, value)
			}
			if err := config.Load(told.service, into(t, told.service), nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// deployments are those of a file of manifests.
func deployments(t *testing.T, path string) (found []told) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	configs := map[string]map[string]string{}
	var pods []object
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o object
		if err := d.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		switch o.Kind {
		case "ConfigMap":
			configs[o.Metadata.Name] = o.Data
		case "Deployment":
			pods = append(pods, o)
		}
	}
	for _, pod := range pods {
		c := pod.Spec.Template.Spec.Containers[0]
		told := told{service: c.Name, env: map[string]string{}, file: configs[pod.Metadata.Name]["config.yaml"]}
		for _, from := range c.EnvFrom {
			for name, value := range configs[from.ConfigMapRef.Name] {
				told.env[name] = value
			}
		}
		for _, v := range c.Env {
			told.env[v.Name] = v.Value
		}
		found = append(found, told)
	}
	if len(found) != 3 {
		t.Errorf("%s: %d deployments", path, len(found))
	}
	return found
}

var variable = regexp.MustCompile(`BUSYHOUR_[A-Z0-9_]+`)

// keys are the variables that a service knows.
func keys(t *testing.T, service string) map[string]bool {
	t.Helper()
	var out bytes.Buffer
	if err := config.Describe(&out, service, into(t, service)); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, name := range variable.FindAllString(out.String(), -1) {
		known[name] = true
	}
	return known
}

// into is the configuration of a service, with nothing in it.
func into(t *testing.T, service string) any {
	t.Helper()
	switch service {
	case "call-routing":
		return &routing.Config{}
	case "agent-presence":
		return &presence.Config{}
	case "provisioning":
		return &provisioning.Config{}
	}
	t.Fatalf("the chart deploys %s, which is no service", service)
	return nil
}

// readFile has the service read the file that it is told of. A key that it does not know is an error.
func readFile(t *testing.T, path string, told told) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(told.file), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--config", file}
	if told.service == "agent-presence" {
		args = append(args, "--routing.urls", told.env["BUSYHOUR_ROUTING_URLS"])
	}
	if err := config.Load(told.service, into(t, told.service), args); err != nil {
		t.Errorf("%s: %s: %v", filepath.Base(path), told.service, err)
	}
}
