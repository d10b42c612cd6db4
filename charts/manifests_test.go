package charts

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

// TestKubernetesTakesEveryManifest decodes each into its published type, strictly: a field that the type has not, or has
// twice, is an error.
func TestKubernetesTakesEveryManifest(t *testing.T) {
	for name, v := range cases(t) {
		t.Run(name, func(t *testing.T) {
			named := map[string]bool{}
			for _, o := range objects(t, v) {
				m, err := metav1Of(o)
				if err != nil {
					t.Fatal(err)
				}
				id := o.GetObjectKind().GroupVersionKind().Kind + " " + m.GetName()
				if m.GetName() == "" || len(m.GetName()) > 63 || named[id] {
					t.Errorf("%q: its name is empty, too long, or taken", id)
				}
				named[id] = true
				if m.GetLabels()["app.kubernetes.io/instance"] != "busyhour" {
					t.Errorf("%s has not the labels of its release", id)
				}
			}
		})
	}
}

func metav1Of(o runtime.Object) (metav1.Object, error) {
	if m, ok := o.(metav1.Object); ok {
		return m, nil
	}
	return nil, errors.New("an object without metadata")
}

// objects are all that is rendered for the values.
func objects(t *testing.T, v map[string]any) []runtime.Object {
	t.Helper()
	rendered, err := render(v)
	if err != nil {
		t.Fatal(err)
	}
	var found []runtime.Object
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(together(rendered))))
	for {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		o, err := decode(text)
		if err != nil {
			t.Errorf("Kubernetes would not take this: %v\n%s", err, text)
			continue
		}
		found = append(found, o)
	}
}

// decoder knows every type that the chart makes. It takes a while to make.
var decoder = sync.OnceValues(func() (runtime.Decoder, error) {
	types := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, gatewayv1.Install, monitoringv1.AddToScheme} {
		if err := add(types); err != nil {
			return nil, err
		}
	}
	return serializer.NewCodecFactory(types, serializer.EnableStrict).UniversalDeserializer(), nil
})

func decode(text []byte) (runtime.Object, error) {
	if bytes.Contains(text, []byte("\nkind: ScaledObject\n")) {
		o := &scaledObject{}
		return o, yaml.UnmarshalStrict(text, o)
	}
	d, err := decoder()
	if err != nil {
		return nil, err
	}
	o, _, err := d.Decode(text, nil, nil)
	return o, err
}

// scaledObject is as much of KEDA's type as the chart uses; the type itself comes with all of KEDA.
type scaledObject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		ScaleTargetRef  struct{ Name string }
		MinReplicaCount int32
		MaxReplicaCount int32
		PollingInterval int32
		Advanced        struct {
			HorizontalPodAutoscalerConfig struct {
				Behavior behavior
			}
		}
		Triggers []trigger
	}
}

type trigger struct {
	Type, MetricType  string
	Metadata          map[string]string // KEDA takes strings alone
	AuthenticationRef struct{ Name string }
}

type behavior struct{ ScaleUp, ScaleDown scaling }

type scaling struct {
	StabilizationWindowSeconds int32
	Policies                   []struct {
		Type                 string
		Value, PeriodSeconds int32
	}
}

func (o *scaledObject) DeepCopyObject() runtime.Object { c := *o; return &c }
