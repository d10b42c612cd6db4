package fleet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports below those that the system gives to outgoing connections: one that is free now is not taken by chance before
// its process listens.
const lowPort, highPort = 20_000, 32_000

var given struct {
	mu    sync.Mutex
	ports map[int]bool
}

// FreeAddress is a loopback address where nobody listens, given once in this process's life.
func FreeAddress() (string, error) {
	given.mu.Lock()
	defer given.mu.Unlock()
	if given.ports == nil {
		given.ports = map[int]bool{}
	}
	for range 1000 {
		port := lowPort + rand.IntN(highPort-lowPort)
		address := fmt.Sprintf("127.0.0.1:%d", port)
		if given.ports[port] {
			continue
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		given.ports[port] = true
		return address, l.Close()
	}
	return "", errors.New("no free port between 20000 and 32000 after 1000 tries")
}
