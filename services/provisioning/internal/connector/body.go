package connector

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"text/template"

	"google.golang.org/protobuf/encoding/protojson"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// body is how an agent is written: by a template, or without one as protobuf's JSON.
type body struct{ template *template.Template }

func parseBody(text string) (body, error) {
	if text == "" {
		return body{}, nil
	}
	t, err := template.New("body").Option("missingkey=error").Funcs(template.FuncMap{"json": asJSON}).Parse(text)
	return body{t}, err
}

func (b body) of(change Change) ([]byte, error) {
	if b.template == nil {
		return protojson.Marshal(change.Agent)
	}
	// Every field is there, so that only one which no agent has is missing.
	text, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(change.Agent)
	if err != nil {
		return nil, err
	}
	var agent map[string]any
	if err := decode(text, &agent); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = b.template.Execute(&out, map[string]any{"agent": agent, "tenant": change.Tenant, "key": change.Key})
	return out.Bytes(), err
}

// asJSON quotes a value, whatever is in it.
func asJSON(value any) (string, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return strings.TrimSuffix(out.String(), "\n"), err
}

// samples have everything an agent can have, with what breaks a text that is not quoted; and nothing but an id.
func samples() []Change {
	full := &provisioningv1.Agent{
		Id: "ann@home", Name: "Ann \"A\\\" <Ängström> & 'Co'\n", Address: `"1001"`, QueueIds: []string{"sales"}, ExternalId: `"7"`,
		Skills:   []*commonv1.Skill{{Name: `"english"`, Level: 80}},
		Capacity: []*provisioningv1.Capacity{{Channel: commonv1.Channel_CHANNEL_VOICE, Contacts: 1}},
	}
	return []Change{{Tenant: "acme", Agent: full, Key: "job-1/1@1.1"}, {Tenant: "acme", Agent: &provisioningv1.Agent{Id: "ann"}, Key: "job-1/2@1.2"}}
}

// try writes the samples. An agent that is to be read back is an object in JSON.
func (b body) try(contentType string, readBack bool) error {
	for _, sample := range samples() {
		text, err := b.of(sample)
		if err != nil {
			return err
		}
		if isJSON(contentType) && !json.Valid(text) {
			return fmt.Errorf("of a sample agent it makes no JSON, but %s", excerpt(text))
		}
		if readBack {
			if err := b.comparable(sample, text); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b body) comparable(sample Change, text []byte) error {
	var object map[string]any
	if json.Unmarshal(text, &object) != nil {
		return errors.New("what it makes is no JSON object, so nothing can be compared with what stands at read_url")
	}
	sample.Key = "another"
	if other, err := b.of(sample); err != nil || !bytes.Equal(text, other) {
		return errors.New("it has .key, by which what stands at read_url would always differ; leave out .key, or read_url")
	}
	return nil
}

func excerpt(text []byte) string { return fmt.Sprintf("%q", printable(string(text))) }

func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}
