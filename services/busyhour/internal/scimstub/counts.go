package scimstub

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
)

// Counts is what the stub was asked so far, and what it holds now.
type Counts struct {
	// Requests by method and status, as in "POST 201"; "POST none" were not answered.
	Requests map[string]int `json:"requests"`
	// Creates is how often a user was created, by userName.
	Creates map[string]int `json:"creates"`
	// Twice are the userNames that were created more than once.
	Twice  []string `json:"twice"`
	Users  int      `json:"users"`
	Groups int      `json:"groups"`
}

type counts struct {
	mu       sync.Mutex
	requests map[string]int
	creates  map[string]int
	twice    []string
}

func newCounts() *counts { return &counts{requests: map[string]int{}, creates: map[string]int{}} }

func (c *counts) get() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Counts{Requests: maps.Clone(c.requests), Creates: maps.Clone(c.creates), Twice: append([]string{}, c.twice...)}
}

func (c *counts) created(userName string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	userName = strings.ToLower(userName)
	if c.creates[userName]++; c.creates[userName] == 2 {
		c.twice = append(c.twice, userName)
	}
}

func (c *counts) request(method string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	code := "none"
	if status != 0 {
		code = fmt.Sprint(status)
	}
	c.requests[method+" "+code]++
}

// counted counts requests when they are over.
func (s *Stub) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &witness{ResponseWriter: w}
		defer func() { s.counts.request(r.Method, seen.status) }()
		next.ServeHTTP(seen, r)
	})
}

// witness remembers the status of an answer.
type witness struct {
	http.ResponseWriter
	status int
}

func (w *witness) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *witness) Unwrap() http.ResponseWriter { return w.ResponseWriter }
