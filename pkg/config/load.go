package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// ErrHelp is what Load returns when the arguments ask for help.
var ErrHelp = pflag.ErrHelp

// Load fills the struct that into points to. The error lists everything that is wrong at once: keys the file has and
// the struct has not, values that do not fit, and what the Validate methods of the struct and those within say.
func Load(name string, into any, args []string) error {
	fields, err := fieldsOf(into)
	if err != nil {
		return err
	}
	flags, path, err := parseFlags(name, fields, args)
	if err != nil {
		return err
	}
	return fill(into, fields, flags, path)
}

// Bind adds a flag for every key to those of a command, and gives the function that fills the struct once they are parsed.
// It reads no file of keys, but the environment.
func Bind(flags *pflag.FlagSet, into any) func() error {
	fields, err := fieldsOf(into)
	if err != nil {
		return func() error { return err }
	}
	addFlags(flags, fields)
	return func() error { return fill(into, fields, flags, "") }
}

func fill(into any, fields []field, flags *pflag.FlagSet, path string) error {
	v, err := sources(fields, flags)
	if err != nil {
		return err
	}
	unknown, err := readFile(v, path, fields)
	if err != nil {
		return err
	}
	problems := unknown
	for _, f := range fields {
		raw, from := v.Get(f.key), origin(f, flags, v, path)
		if text, found, err := f.mounted(fields); err != nil {
			problems = append(problems, err)
			continue
		} else if found && !flags.Changed(f.key) {
			raw, from = text, "the file in environment "+f.env()+fileSuffix
		}
		if err := f.set(raw); err != nil {
			problems = append(problems, fmt.Errorf("%s (from %s): %w", f.key, from, f.masked(err)))
		}
	}
	if len(problems) == 0 {
		problems = validate(reflect.ValueOf(into))
	}
	return together(problems)
}

// together puts each of several problems on a line of its own.
func together(problems []error) error {
	switch len(problems) {
	case 0:
		return nil
	case 1:
		return errors.New("configuration: " + withoutUsers(problems[0].Error()))
	}
	lines := strings.ReplaceAll(withoutUsers(errors.Join(problems...).Error()), "\n", "\n  ")
	return errors.New("configuration:\n  " + lines)
}

func parseFlags(name string, fields []field, args []string) (*pflag.FlagSet, string, error) {
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(io.Discard)
	path := flags.String("config", "", "file to read, YAML, TOML or JSON by its ending")
	addFlags(flags, fields)
	if err := flags.Parse(args); err != nil {
		if !errors.Is(err, pflag.ErrHelp) {
			err = fmt.Errorf("configuration: %w; --help lists the flags", err)
		}
		return nil, "", err
	}
	if flags.NArg() > 0 {
		return nil, "", fmt.Errorf("configuration: %q is not a flag; --help lists them", flags.Arg(0))
	}
	return flags, *path, nil
}

func addFlags(flags *pflag.FlagSet, fields []field) {
	for _, f := range fields {
		flags.String(f.key, f.def, fmt.Sprintf("%s [%s]", f.doc, f.env()))
		if f.value.Kind() == reflect.Bool {
			flags.Lookup(f.key).NoOptDefVal = "true"
		}
	}
}

// sources tells viper of every flag, environment variable and default. Defaults are strings here, as in the tags.
func sources(fields []field, flags *pflag.FlagSet) (*viper.Viper, error) {
	v := viper.New()
	for _, f := range fields {
		v.SetDefault(f.key, f.def)
		if err := v.BindEnv(f.key, f.env()); err != nil {
			return nil, err
		}
		if err := v.BindPFlag(f.key, flags.Lookup(f.key)); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// readFile merges the file into v, and reports the keys it has that the struct has not. Viper would drop them.
func readFile(v *viper.Viper, path string, fields []field) (unknown []error, err error) {
	if path == "" {
		return nil, nil
	}
	file := viper.New()
	file.SetConfigFile(path)
	if err := file.ReadInConfig(); err != nil {
		return nil, fmt.Errorf("configuration: read %s: %w", path, err)
	}
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.key
	}
	keys := file.AllKeys()
	slices.Sort(keys)
	for _, key := range keys {
		if !slices.Contains(known, key) {
			unknown = append(unknown, fmt.Errorf("%s: %s is not a key; the nearest is %s", path, key, nearest(key, known)))
		}
	}
	return unknown, v.MergeConfigMap(file.AllSettings())
}

func origin(f field, flags *pflag.FlagSet, v *viper.Viper, path string) string {
	switch {
	case flags.Changed(f.key):
		return "--" + f.key
	case os.Getenv(f.env()) != "":
		return "environment " + f.env()
	case v.InConfig(f.key):
		return path
	}
	return "default"
}

// fileSuffix of a variable's name makes it the path of a file with the value, as orchestrators mount secrets.
const fileSuffix = "_FILE"

// mounted is what stands in the file that the environment names for the key. Where another key has that variable for
// itself, such as one for a token's file beside one for the token, it is that key's.
func (f field) mounted(fields []field) (text string, found bool, err error) {
	variable := f.env() + fileSuffix
	path := os.Getenv(variable)
	if path == "" || slices.ContainsFunc(fields, func(g field) bool { return g.env() == variable }) {
		return "", false, nil
	}
	if os.Getenv(f.env()) != "" {
		return "", false, fmt.Errorf("%s: the environment has %s and %s; leave one of them out", f.key, f.env(), variable)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", false, fmt.Errorf("%s (from environment %s): %w", f.key, variable, err)
	}
	return strings.TrimRight(string(content), "\r\n"), true, nil
}

// masked keeps a secret's value out of the error about it.
func (f field) masked(err error) error {
	if f.secret {
		return errors.New("the value does not fit")
	}
	return err
}

// validate asks the struct, and every struct within, whether it makes sense.
func validate(v reflect.Value) []error {
	var problems []error
	seen := map[string]bool{} // an embedded Validate is found twice: as its own and through its owner's
	var add func(error)
	add = func(err error) {
		if several, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range several.Unwrap() {
				add(e)
			}
		} else if err != nil && !seen[err.Error()] {
			seen[err.Error()] = true
			problems = append(problems, err)
		}
	}
	var visit func(reflect.Value)
	visit = func(p reflect.Value) {
		if p.CanInterface() {
			if c, ok := p.Interface().(interface{ Validate() error }); ok {
				add(c.Validate())
			}
		}
		for i := range p.Elem().NumField() {
			if f := p.Elem().Field(i); f.Kind() == reflect.Struct {
				visit(f.Addr())
			}
		}
	}
	visit(v)
	return problems
}

// nearest finds the known key with the fewest letters to change.
func nearest(key string, known []string) string {
	best, least := "", -1
	for _, k := range known {
		if d := distance(key, k); least < 0 || d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is Levenshtein's, save that a key with the same last part counts as close: brokers is near kafka.brokers.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	if a[strings.LastIndexByte(a, '.')+1:] == b[strings.LastIndexByte(b, '.')+1:] {
		return min(1, row[len(b)])
	}
	return row[len(b)]
}
