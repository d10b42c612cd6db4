// Command busyhour is everything beside the services themselves: all of them in one process for a laptop, calls and
// load against a running instance, a benchmark, and what operators need.
package main

import (
	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/services/busyhour/internal/cli"
)

func main() { boot.Main("busyhour", cli.Run) }
