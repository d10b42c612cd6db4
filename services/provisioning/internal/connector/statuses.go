package connector

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// statuses are ranges of HTTP statuses.
type statuses []struct{ from, to int }

// parseStatuses reads such as 200-299 and 409. 429 is none of them: it asks for patience.
func parseStatuses(list []string) (all statuses, err error) {
	for _, text := range list {
		first, last, isRange := strings.Cut(text, "-")
		if !isRange {
			last = first
		}
		from, errFrom := strconv.Atoi(strings.TrimSpace(first))
		to, errTo := strconv.Atoi(strings.TrimSpace(last))
		if errFrom != nil || errTo != nil || from < 200 || to > 599 || from > to {
			return nil, fmt.Errorf("%q is neither a status nor a range of them; write such as 200-299 or 409, between 200 and 599", text)
		}
		all = append(all, struct{ from, to int }{from, to})
	}
	if len(all) == 0 {
		return nil, errors.New("it is empty, so nothing would ever be taken; write such as 200-299")
	}
	if all.have(429) {
		return nil, errors.New("429 asks for patience, and is never taken; leave it out")
	}
	return all, nil
}

func (s statuses) have(status int) bool {
	for _, r := range s {
		if r.from <= status && status <= r.to {
			return true
		}
	}
	return false
}

// judge is the last word on an answer that has come. key is where the statuses are configured.
func (s statuses) judge(a reply, key string) said {
	switch {
	case s.have(a.status):
		return said{}
	case a.kind == taken:
		return said{kind: refused, words: a.words + ", which is not in " + key}
	}
	return a.said
}
