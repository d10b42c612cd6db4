package main

import (
	"fmt"
	"maps"
	"slices"
)

// compare says what of an older document the newer one breaks. today is a date as in x-sunset.
func compare(older, newer document, today string) (broken []string) {
	say := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	for _, name := range slices.Sorted(maps.Keys(older.Channels)) {
		was := older.Channels[name]
		is, ok := newer.Channels[name]
		if !ok {
			say("channel %s is gone: readers of it would wait for ever; a new one goes beside it", name)
			continue
		}
		if is.Address != was.Address {
			say("%s has another name: %s, was %s", name, is.Address, was.Address)
		}
		if is.Key != was.Key {
			say("%s: the key is %q, was %q: order and joins hang on it", name, is.Key, was.Key)
		}
		k, o := is.Bindings.Kafka, was.Bindings.Kafka
		if k.Partitions < o.Partitions {
			say("%s has %d partitions, had %d: a topic never has fewer", name, k.Partitions, o.Partitions)
		}
		if !slices.Equal(k.Config.Cleanup, o.Config.Cleanup) {
			say("%s: cleanup is %v, was %v", name, k.Config.Cleanup, o.Config.Cleanup)
		}
		if k.Config.Retention < o.Config.Retention {
			say("%s is kept for %d ms, was %d: who was away that long would miss events", name, k.Config.Retention, o.Config.Retention)
		}
		for _, typ := range slices.Sorted(maps.Keys(was.Messages)) {
			if _, ok := is.Messages[typ]; !ok && !gone(older.Components.Messages[typ].Sunset, today) {
				say("%s carries no %s any more: a type stays, unless it was deprecated and its sunset is past", name, typ)
			}
		}
		for _, c := range was.Closes {
			if !slices.Contains(is.Closes, c) {
				say("%s: close code %d is gone, or means another thing to a client", name, c.Code)
			}
		}
	}
	for _, typ := range slices.Sorted(maps.Keys(older.Components.Messages)) {
		was := older.Components.Messages[typ]
		is, ok := newer.Components.Messages[typ]
		if ok && (is.Schema != was.Schema || is.ContentType != was.ContentType) {
			say("%s is %s (%s), was %s (%s): another payload is another type", typ, is.Schema, is.ContentType, was.Schema, was.ContentType)
		}
	}
	return broken
}

func gone(sunset, today string) bool { return sunset != "" && sunset < today }
