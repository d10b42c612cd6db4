package charts

import (
	"strings"
	"testing"
)

// with are the values that must be said, and more.
func with(t *testing.T, more string) map[string]any {
	t.Helper()
	v := cases(t)["required"]
	for key, value := range values(t, more) {
		v[key] = value
	}
	return v
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	for more, want := range map[string]string{
		"kafka: {}":                "kafka.brokers",
		"redis: {}":                "redis.addresses",
		"nats: {}":                 "nats.urls",
		"auth: {}":                 "auth.issuer",
		"auth: {issuer: x}":        "auth.audience",
		"tls: {ops: true}":         "tls.existingSecret",
		"peers: {token: {url: x}}": "peers.token.existingSecret",
		"redis: {addresses: [a:1], sentinel: {password: true}}":                   "redis.existingSecret",
		"kafka: {brokers: [a:1], sasl: {mechanism: plain}}":                       "with the key password",
		"serviceMonitor: {enabled: true}":                                         "networkPolicy.from.ops",
		"priorityClass: {create: true}":                                           "priorityClass.name",
		"agentPresence: {ingress: {enabled: true}}":                               "agentPresence.ingress.host",
		"callRouting: {autoscaling: {mode: hpa, cpuPercent: 0}}":                  "nothing to go by",
		"callRouting: {autoscaling: {mode: keda, cpuPercent: 0, keda: {lag: 0}}}": "nothing to go by",
		"callRouting: {route: {enabled: true}}":                                   "callRouting.route.parentRefs",
	} {
		if _, err := render(with(t, more)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want something about %s", more, err, want)
		}
	}
}

func TestUnknownValuesAreRefused(t *testing.T) {
	for _, more := range []string{
		"replicas: 3",
		"kafka: {brokers: [a:1], host: b}",
		"callRouting: {autoscaling: {mode: both}}",
		"callRouting: {replica: 3}",
		"callRouting: {autoscaling: {keda: {prometheus: {url: x}}}}",
		"networkPolicy: {from: {everybody: []}}",
		"dev: {enabled: maybe}",
		"tenants: []",
		"nats: {urls: ['nats://user:password@a:1']}", // it would stand in a ConfigMap
	} {
		if _, err := render(with(t, more)); err == nil || !strings.Contains(err.Error(), "schema") {
			t.Errorf("%s: got %v, want the schema to refuse it", more, err)
		}
	}
}

func TestMorePodsThanPartitionsAreRefused(t *testing.T) {
	for more, want := range map[string]string{
		"callRouting: {replicas: 13}":                                                        "callRouting.replicas: 13 pods, but topic call-routing.signals.v1 has 12 partitions",
		"agentPresence: {autoscaling: {mode: hpa, maxReplicas: 7}}":                          "agentPresence.autoscaling.maxReplicas: 7 pods, but topic agent-presence.commands.v1 has 6",
		"provisioning: {autoscaling: {mode: keda, maxReplicas: 4}}":                          "provisioning.autoscaling.maxReplicas: 4 pods, but topic provisioning.requests.v1 has 3",
		"{callRouting: {replicas: 13}, topics: {partitions: {call-routing.signals.v1: 24}}}": "topic call-routing.contact-events.v1 has 12 partitions",
		"callRouting: {autoscaling: {mode: hpa, minReplicas: 5, maxReplicas: 4}}":            "callRouting.autoscaling.minReplicas: 5 is more than maxReplicas, 4",
		"topics: {partitions: {call-routing.signals.v1: 6}}":                                 "a topic never shrinks",
		"topics: {partitions: {call-routing.signal.v1: 24}}":                                 "is no topic of the plan",
	} {
		if _, err := render(with(t, more)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", more, err, want)
		}
	}
	for _, more := range []string{
		"callRouting: {replicas: 12}",
		"callRouting: {replicas: 99, autoscaling: {mode: hpa, maxReplicas: 12}}", // replicas do not count then
		"{callRouting: {replicas: 24}, topics: {partitions: {call-routing.signals.v1: 24, call-routing.contact-events.v1: 24}}}",
	} {
		if _, err := render(with(t, more)); err != nil {
			t.Errorf("%s: %v", more, err)
		}
	}
}
