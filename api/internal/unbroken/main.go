// Command unbroken compares the contracts with those of an older version: the AsyncAPI documents, which say all that the
// topic plan and the table of events promise, and the older golden events, which this version must read as it did.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/busyhour/busyhour/api/golden"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: unbroken OLDER-API API   (directories)")
		os.Exit(2)
	}
	broken, err := check(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "unbroken:", err)
		os.Exit(2)
	}
	for _, b := range broken {
		fmt.Fprintln(os.Stderr, b)
	}
	if len(broken) > 0 {
		os.Exit(1)
	}
}

func check(older, newer string) (broken []string, err error) {
	was, err := load(older)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // that version had no such document
	}
	if err != nil {
		return nil, err
	}
	is, err := load(newer)
	if err != nil {
		return nil, err
	}
	broken = compare(was, is, time.Now().UTC().Format(time.DateOnly))
	unread, err := golden.Unread(os.DirFS(filepath.Join(older, "golden")))
	return append(broken, unread...), err
}

func load(api string) (document, error) {
	data, err := os.ReadFile(filepath.Join(api, "asyncapi", "busyhour.yaml"))
	if err != nil {
		return document{}, err
	}
	return parse(data)
}
