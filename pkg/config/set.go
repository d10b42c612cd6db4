package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// set puts a raw value into the field: a string from a flag, the environment or a default, anything from a file.
func (f field) set(raw any) error {
	if f.value.Kind() == reflect.Slice {
		items, err := list(raw)
		if err != nil {
			return err
		}
		f.value.Set(reflect.ValueOf(items).Convert(f.value.Type()))
		return nil
	}
	s, err := scalar(raw)
	if err != nil {
		return err
	}
	return f.parse(s)
}

func (f field) parse(s string) error {
	if t := text(f.value); t != nil {
		return t.UnmarshalText([]byte(s))
	}
	if f.value.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(s)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 250ms, 20s or 5m", s)
		}
		f.value.SetInt(int64(d))
		return nil
	}
	switch kind := f.value.Kind(); kind {
	case reflect.String:
		f.value.SetString(s)
	case reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", s)
		}
		f.value.SetBool(b)
	case reflect.Float64:
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", s)
		}
		f.value.SetFloat(x)
	default:
		return f.parseInt(s)
	}
	return nil
}

func (f field) parseInt(s string) error {
	bits := f.value.Type().Bits()
	if f.value.CanUint() {
		n, err := strconv.ParseUint(s, 10, bits)
		if err != nil {
			return whole(s, err, " of 0 or more")
		}
		f.value.SetUint(n)
		return nil
	}
	n, err := strconv.ParseInt(s, 10, bits)
	if err != nil {
		return whole(s, err, "")
	}
	f.value.SetInt(n)
	return nil
}

func whole(s string, err error, what string) error {
	if errors.Is(err, strconv.ErrRange) && !strings.HasPrefix(s, "-") {
		return fmt.Errorf("%s is too large", s)
	}
	return fmt.Errorf("%q is not a whole number%s", s, what)
}

func scalar(raw any) (string, error) {
	switch x := raw.(type) {
	case nil:
		return "", nil
	case []any, map[string]any:
		return "", errors.New("one value is wanted here, not a list or a section")
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64), nil
	default:
		return fmt.Sprint(x), nil
	}
}

// list splits "a, b" and takes a file's list as it is.
func list(raw any) ([]string, error) {
	items, isList := raw.([]any)
	if !isList {
		s, err := scalar(raw)
		if err != nil {
			return nil, errors.New("a list is wanted here, not a section")
		}
		return split(s), nil
	}
	var out []string
	for _, item := range items {
		s, err := scalar(item)
		if err != nil {
			return nil, errors.New("a list of plain values is wanted here")
		}
		out = append(out, s)
	}
	return out, nil
}

func split(s string) []string {
	var out []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}
