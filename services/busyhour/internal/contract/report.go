package contract

import (
	"encoding/json"
	"fmt"
	"io"
)

// Report is what came of some samples.
type Report struct {
	Topic    string    `json:"topic"`
	Samples  int       `json:"samples"`
	Problems []Problem `json:"problems"`
}

// Test checks the samples of some files.
func Test(topic string, paths []string) (*Report, error) {
	r := &Report{Topic: topic, Problems: []Problem{}}
	for _, path := range paths {
		samples, err := Read(path)
		if err != nil {
			return nil, err
		}
		for _, s := range samples {
			r.Samples++
			r.Problems = append(r.Problems, Check(topic, s)...)
		}
	}
	return r, nil
}

// Write for people, or as JSON.
func (r *Report) Write(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	for _, p := range r.Problems {
		fmt.Fprintln(w, p)
	}
	_, err := fmt.Fprintf(w, "%d events for %s, %d problems\n", r.Samples, r.Topic, len(r.Problems))
	return err
}
