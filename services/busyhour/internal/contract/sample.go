// Package contract checks events that another team means to write to our topics, before they do.
package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Sample is an event as its producer would write it.
type Sample struct {
	// Name of the file, and its number in it where there are several.
	Name    string
	Key     *string
	Headers map[string]string
	// Value is the payload's bytes; nil if it is given as JSON, or not at all.
	Value []byte
	JSON  json.RawMessage
}

// document is how a sample is written down.
type document struct {
	Key     *string           `json:"key"`
	Headers map[string]string `json:"headers"`
	// Value is the payload in protobuf's JSON, or ValueBase64 its bytes.
	Value       json.RawMessage `json:"value"`
	ValueBase64 []byte          `json:"valueBase64"`
}

// headersSuffix is of the file that has key and headers of a payload in binary.
const headersSuffix = ".headers.json"

// Read reads a file: one or more documents as JSON; or a payload in binary, beside it a file with its key and headers.
func Read(path string) ([]Sample, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if filepath.Ext(path) == ".json" || filepath.Ext(path) == ".jsonl" {
		return readJSON(path, b)
	}
	beside, err := os.ReadFile(path + headersSuffix)
	if err != nil {
		return nil, fmt.Errorf("%s is taken for a payload in binary; its key and headers belong into %s, as {\"key\": …, \"headers\": {…}}: %w",
			path, path+headersSuffix, err)
	}
	samples, err := readJSON(path+headersSuffix, beside)
	switch {
	case err != nil:
		return nil, err
	case len(samples) != 1 || samples[0].JSON != nil || samples[0].Value != nil:
		return nil, fmt.Errorf("%s: want one document with key and headers, and no value", path+headersSuffix)
	}
	samples[0].Name, samples[0].Value = path, b
	return samples, nil
}

func readJSON(path string, b []byte) (samples []Sample, err error) {
	documents := json.NewDecoder(bytes.NewReader(b))
	documents.DisallowUnknownFields()
	for {
		var d document
		err := documents.Decode(&d)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s, event %d: %w; want {\"key\": …, \"headers\": {…}, \"value\": {…} or \"valueBase64\": …}", path, len(samples)+1, err)
		}
		samples = append(samples, Sample{Key: d.Key, Headers: d.Headers, Value: d.ValueBase64, JSON: d.Value})
	}
	for i := range samples {
		samples[i].Name = path
		if len(samples) > 1 {
			samples[i].Name = fmt.Sprintf("%s, event %d", path, i+1)
		}
	}
	if len(samples) == 0 {
		return nil, fmt.Errorf("%s has no event", path)
	}
	return samples, nil
}
