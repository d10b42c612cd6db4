// Package golden has one event of each type, as the services write it: <type>.bin is the value, <type>.json the same in
// JSON, and <type>.headers.json topic, key and headers. Times, epochs and random ids are replaced by fixed ones. README.md
// says how to test against them.
package golden

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/busyhour/busyhour/api/events"
)

//go:embed all:v1
var files embed.FS

// Files are those of this version.
func Files() fs.FS { return files }

// Record is an event as it stands in a topic.
type Record struct {
	Topic   string            `json:"topic"`
	Key     string            `json:"key"`
	Headers map[string]string `json:"headers"`
	Value   []byte            `json:"-"`
	JSON    []byte            `json:"-"`
}

const dir = "v1/"

// Of is the event of a type; ok is false if there is none.
func Of(typ string) (r Record, ok bool) {
	r, err := read(files, typ)
	return r, err == nil
}

func read(from fs.FS, typ string) (r Record, err error) {
	head, err := fs.ReadFile(from, dir+typ+".headers.json")
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(head, &r); err != nil {
		return r, fmt.Errorf("%s.headers.json: %w", typ, err)
	}
	if r.Value, err = fs.ReadFile(from, dir+typ+".bin"); err != nil {
		return r, err
	}
	r.JSON, err = fs.ReadFile(from, dir+typ+".json")
	return r, err
}

// Unread says which events of an older version this version does not read, or reads as something else.
func Unread(older fs.FS) (unread []string, err error) {
	names, err := fs.Glob(older, dir+"*.bin")
	for _, name := range names {
		typ := strings.TrimSuffix(strings.TrimPrefix(name, dir), ".bin")
		r, err := read(older, typ)
		if err != nil {
			return nil, err
		}
		if why := differs(typ, r); why != "" {
			unread = append(unread, fmt.Sprintf("the older event of type %s: %s", typ, why))
		}
	}
	return unread, err
}

// differs compares what the value is read as with what the JSON says it is.
func differs(typ string, r Record) string {
	e, ok := events.Of(typ)
	if !ok {
		return "no such type is in the table"
	}
	if e.Message == nil {
		return ""
	}
	got, want := e.New(), e.New()
	if err := proto.Unmarshal(r.Value, got); err != nil {
		return err.Error()
	}
	if len(got.ProtoReflect().GetUnknown()) > 0 {
		return "it has fields that are gone"
	}
	if err := protojson.Unmarshal(r.JSON, want); err != nil {
		return "its JSON: " + err.Error()
	}
	if !proto.Equal(got, want) {
		return "it is read as something else than its JSON"
	}
	return ""
}
