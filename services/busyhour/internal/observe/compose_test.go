package observe

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const top = "../../../.."

type composed struct {
	Services map[string]struct {
		Image    string   `yaml:"image"`
		Profiles []string `yaml:"profiles"`
		Volumes  []string `yaml:"volumes"`
		Ports    []string `yaml:"ports"`
	} `yaml:"services"`
	Volumes map[string]any `yaml:"volumes"`
}

type scraping struct {
	RuleFiles []string `yaml:"rule_files"`
	Jobs      []struct {
		Name   string `yaml:"job_name"`
		Static []struct {
			Targets []string `yaml:"targets"`
		} `yaml:"static_configs"`
	} `yaml:"scrape_configs"`
}

func TestPrometheusAsksEveryServiceOfTheComposeFile(t *testing.T) {
	var c composed
	unmarshal(t, "docker-compose.yml", &c)
	var want []string
	for name, s := range c.Services {
		for _, of := range []string{"call-routing", "agent-presence", "provisioning"} {
			if s.Image == "busyhour/"+of {
				want = append(want, of+" "+name+":9090")
			}
		}
	}
	var p scraping
	unmarshal(t, "deploy/observe/prometheus.yml", &p)
	var got []string
	for _, job := range p.Jobs {
		for _, group := range job.Static {
			for _, target := range group.Targets {
				got = append(got, job.Name+" "+target)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("asked are %v, and there are %v", got, want)
	}
}

func TestWhatTheProfileMountsIsThere(t *testing.T) {
	var c composed
	unmarshal(t, "docker-compose.yml", &c)
	mounted := 0
	for name, s := range c.Services {
		if !slices.Contains(s.Profiles, "observe") {
			continue
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if !strings.HasPrefix(from, "./") {
				if _, ok := c.Volumes[from]; !ok {
					t.Errorf("%s: the volume %s is not declared", name, from)
				}
				continue
			}
			mounted++
			if _, err := os.Stat(filepath.Join(top, from)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if mounted == 0 {
		t.Error("the profile mounts nothing")
	}
}

func TestNoTwoServicesTakeOnePort(t *testing.T) {
	var c composed
	unmarshal(t, "docker-compose.yml", &c)
	taken := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		for _, p := range c.Services[name].Ports {
			host, _, _ := strings.Cut(p, ":")
			if other, twice := taken[host]; twice {
				t.Errorf("%s and %s both take port %s", other, name, host)
			}
			taken[host] = name
		}
	}
}

// unmarshal reads a YAML file of the repository.
func unmarshal(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
