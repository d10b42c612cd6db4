package connector

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
)

// secret is a value that nobody may see: a text, or what stands in a file.
type secret struct{ key, text, file string }

// read is the secret as it stands now. The error begins with the key, and goes into outcomes, so it does not name the file.
func (s secret) read() (string, error) {
	if s.file == "" {
		return s.text, nil
	}
	text, err := os.ReadFile(s.file)
	if err != nil {
		return "", fmt.Errorf("%s_file: %w", s.key, withoutPath(err))
	}
	now := strings.TrimSpace(string(text))
	if now == "" {
		return "", fmt.Errorf("%s_file: the file is empty", s.key)
	}
	return now, nil
}

func (s secret) set() bool { return s.text != "" || s.file != "" }

func (s secret) check(want want) {
	want(s.text == "" || s.file == "", "%s_file: there is a %s, too; leave one of them out", s.key, s.key[strings.LastIndexByte(s.key, '.')+1:])
}

func withoutPath(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}

// hide takes secrets out of words that came from elsewhere, also as JSON and addresses have them.
func hide(words string, secrets []string) string {
	for _, s := range secrets {
		if s == "" {
			continue
		}
		inJSON, _ := json.Marshal(s) // a text always can
		for _, form := range []string{s, string(inJSON[1 : len(inJSON)-1]), url.QueryEscape(s), url.PathEscape(s)} {
			words = strings.ReplaceAll(words, form, "********")
		}
	}
	return words
}
