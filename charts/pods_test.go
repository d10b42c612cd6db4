package charts

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// pods are the pod templates among the objects, by name.
func pods(objects []runtime.Object) map[string]corev1.PodTemplateSpec {
	found := map[string]corev1.PodTemplateSpec{}
	for _, o := range objects {
		switch o := o.(type) {
		case *appsv1.Deployment:
			found[o.Name] = o.Spec.Template
		case *appsv1.StatefulSet:
			found[o.Name] = o.Spec.Template
		case *batchv1.Job:
			found[o.Name] = o.Spec.Template
		case *corev1.Pod:
			found[o.Name] = corev1.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec}
		}
	}
	return found
}

// TestEveryPodIsRestricted by the pod security standard of that name, and has no token to call Kubernetes with.
func TestEveryPodIsRestricted(t *testing.T) {
	for name, v := range cases(t) {
		for pod, template := range pods(objects(t, v)) {
			for _, problem := range unrestricted(template.Spec) {
				t.Errorf("%s: pod %s: %s", name, pod, problem)
			}
		}
	}
}

func unrestricted(p corev1.PodSpec) (problems []string) {
	want := func(ok bool, problem string) {
		if !ok {
			problems = append(problems, problem)
		}
	}
	s := p.SecurityContext
	want(s != nil && s.RunAsNonRoot != nil && *s.RunAsNonRoot, "may run as root")
	want(s != nil && (s.RunAsUser == nil || *s.RunAsUser > 0), "runs as root")
	want(s != nil && s.SeccompProfile != nil && s.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault, "has no seccomp profile")
	want(!p.HostNetwork && !p.HostPID && !p.HostIPC, "shares a namespace of its node")
	want(p.AutomountServiceAccountToken != nil && !*p.AutomountServiceAccountToken, "gets a token")
	want(p.EnableServiceLinks != nil && !*p.EnableServiceLinks, "gets variables of Services, which begin with BUSYHOUR_, too")
	for _, v := range p.Volumes {
		want(v.HostPath == nil, "mounts "+v.Name+" of its node")
	}
	for _, c := range slices.Concat(p.InitContainers, p.Containers) {
		s := c.SecurityContext
		want(s != nil && s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation, c.Name+" may gain privileges")
		want(s != nil && s.Capabilities != nil && slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) && len(s.Capabilities.Add) == 0, c.Name+" has capabilities")
		want(s != nil && s.ReadOnlyRootFilesystem != nil && (*s.ReadOnlyRootFilesystem || c.Name == "kafka"), c.Name+" may write to its root")
	}
	return problems
}

// TestEveryMountHasItsVolume and every volume is mounted, once.
func TestEveryMountHasItsVolume(t *testing.T) {
	for name, v := range cases(t) {
		for pod, template := range pods(objects(t, v)) {
			volumes := map[string]bool{}
			for _, volume := range template.Spec.Volumes {
				if volumes[volume.Name] {
					t.Errorf("%s: pod %s has two volumes %s", name, pod, volume.Name)
				}
				volumes[volume.Name] = false
			}
			for _, c := range slices.Concat(template.Spec.InitContainers, template.Spec.Containers) {
				for _, m := range c.VolumeMounts {
					if _, found := volumes[m.Name]; !found && m.Name != "data" {
						t.Errorf("%s: pod %s mounts %s, which it has not", name, pod, m.Name)
					}
					volumes[m.Name] = true
				}
			}
			for volume, mounted := range volumes {
				if !mounted {
					t.Errorf("%s: pod %s has a volume %s that nothing mounts", name, pod, volume)
				}
			}
		}
	}
}

func TestRolloutGoesOneByOneAndStopsInTime(t *testing.T) {
	for name, v := range cases(t) {
		for _, o := range objects(t, v) {
			d, ok := o.(*appsv1.Deployment)
			if !ok {
				continue
			}
			r := d.Spec.Strategy.RollingUpdate
			if r.MaxSurge.IntValue() != 1 || r.MaxUnavailable.IntValue() != 0 || d.Spec.MinReadySeconds < 1 {
				t.Errorf("%s: %s: rollout %+v, ready after %d s", name, d.Name, r, d.Spec.MinReadySeconds)
			}
			c := d.Spec.Template.Spec.Containers[0]
			rest := *d.Spec.Template.Spec.TerminationGracePeriodSeconds - c.Lifecycle.PreStop.Sleep.Seconds
			if rest <= 20 {
				t.Errorf("%s: %s: %d s after preStop are no more than grace", name, d.Name, rest)
			}
			if d.Spec.Template.Annotations["checksum/config"] == "" {
				t.Errorf("%s: %s would not see a new configuration", name, d.Name)
			}
			if !selects(d.Spec.Selector, d.Spec.Template.Labels) {
				t.Errorf("%s: %s does not select its own pods", name, d.Name)
			}
		}
	}
}

func selects(s *metav1.LabelSelector, labels map[string]string) bool {
	for key, value := range s.MatchLabels {
		if labels[key] != value {
			return false
		}
	}
	return len(s.MatchLabels) > 0
}

// TestNoSecretIsAValue: what is secret is mounted, and named by a path.
func TestNoSecretIsAValue(t *testing.T) {
	for name, v := range cases(t) {
		for _, o := range objects(t, v) {
			c, ok := o.(*corev1.ConfigMap)
			if !ok {
				continue
			}
			for key, value := range c.Data {
				secret := strings.Contains(key, "PASSWORD") || strings.Contains(key, "SECRET") || strings.HasSuffix(key, "_TOKEN")
				if secret && !(strings.HasSuffix(key, "_FILE") && strings.HasPrefix(value, "/etc/busyhour/secrets/")) {
					t.Errorf("%s: ConfigMap %s shows %s", name, c.Name, key)
				}
			}
		}
	}
}

func TestMemoryLimitLeavesGoRoom(t *testing.T) {
	for limit, want := range map[string]string{"512Mi": "483183820", "1Gi": "966367641", "2G": "1800000000", "1.5Gi": ""} {
		v := with(t, "callRouting: {resources: {limits: {memory: '"+limit+"'}}}")
		got := ""
		for _, env := range pods(objects(t, v))["busyhour-call-routing"].Spec.Containers[0].Env {
			if env.Name == "GOMEMLIMIT" {
				got = env.Value
			}
		}
		if got != want {
			t.Errorf("limit %q: got %q, want %q", limit, got, want)
		}
	}
}
