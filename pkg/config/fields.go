package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

const envPrefix = "BUSYHOUR_"

// Defaulter sets defaults that the tags cannot know, such as a port that differs by service. It is called on a zero
// struct; a field that is not zero then has that default, whatever its tag says.
type Defaulter interface{ Defaults() }

// Placed is a struct of keys that has to know where it stands, because it stands in several places: under is the prefix of
// its keys, such as downstream. It may set defaults by it, to fields that are zero.
type Placed interface{ Place(under string) }

// field is one key of the configuration and where its value goes.
type field struct {
	key    string
	doc    string
	def    string // in the form of an environment variable
	secret bool
	value  reflect.Value
}

func (f field) env() string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(f.key))
}

// fieldsOf lists the fields of a pointer to a struct in the order of the source, and sets the Defaults if it is zero.
func fieldsOf(into any) ([]field, error) {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("config: want a pointer to a struct, have %T", into)
	}
	if d, ok := into.(Defaulter); ok && v.Elem().IsZero() {
		d.Defaults()
	}
	var fields []field
	err := walk(v.Elem(), "", &fields)
	return fields, err
}

func walk(v reflect.Value, prefix string, fields *[]field) error {
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		key, tagged := sf.Tag.Lookup("key")
		if key != strings.ToLower(key) {
			return fmt.Errorf("config: the key %q of %s.%s is not in lower case", key, v.Type(), sf.Name)
		}
		isLeaf := leaf(v.Field(i))
		switch {
		case !isLeaf && (tagged || sf.Anonymous):
			place(v.Field(i), join(prefix, key))
			if err := walk(v.Field(i), join(prefix, key), fields); err != nil {
				return err
			}
		case !tagged:
			continue
		case !isLeaf || !settable(v.Field(i)):
			return fmt.Errorf("config: %s.%s has a type that no key can have: %s", v.Type(), sf.Name, sf.Type)
		default:
			f := field{key: join(prefix, key), doc: sf.Tag.Get("doc"), def: sf.Tag.Get("default"), secret: sf.Tag.Get("secret") == "true", value: v.Field(i)}
			if !f.value.IsZero() {
				f.def = format(f.value)
			}
			if err := unique(*fields, f); err != nil {
				return err
			}
			*fields = append(*fields, f)
		}
	}
	return nil
}

func place(v reflect.Value, under string) {
	if !v.CanAddr() || !v.Addr().CanInterface() {
		return
	}
	if p, ok := v.Addr().Interface().(Placed); ok {
		p.Place(under)
	}
}

func unique(fields []field, f field) error {
	if slices.ContainsFunc(fields, func(g field) bool { return g.key == f.key || g.env() == f.env() }) {
		return fmt.Errorf("config: two fields have the key %s", f.key)
	}
	return nil
}

func join(prefix, key string) string {
	if prefix == "" || key == "" {
		return prefix + key
	}
	return prefix + "." + key
}

// leaf says whether the value is one key, rather than a struct of keys.
func leaf(v reflect.Value) bool {
	return v.Kind() != reflect.Struct || text(v) != nil
}

func settable(v reflect.Value) bool {
	if text(v) != nil {
		return true
	}
	switch v.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint32, reflect.Uint64, reflect.Float64:
		return true
	case reflect.Slice:
		return v.Type().Elem().Kind() == reflect.String
	}
	return false
}

func text(v reflect.Value) encoding.TextUnmarshaler {
	if !v.CanAddr() || !v.CanInterface() {
		return nil
	}
	t, _ := v.Addr().Interface().(encoding.TextUnmarshaler)
	return t
}

// format writes a value as it would stand in the environment.
func format(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return short(x)
	case encoding.TextMarshaler:
		b, err := x.MarshalText()
		if err == nil {
			return string(b)
		}
	}
	if v.Kind() == reflect.Slice {
		items := make([]string, v.Len())
		for i := range items {
			items[i] = v.Index(i).String()
		}
		return strings.Join(items, ",")
	}
	return fmt.Sprint(v.Interface())
}

// short writes 20m rather than 20m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
