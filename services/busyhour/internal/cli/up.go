package cli

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/services/busyhour/internal/up"
)

func newUp() *cobra.Command {
	cfg := up.Config{Self: self()}
	c := &cobra.Command{
		Use:   "up",
		Short: "Run everything in one process on embedded servers, for development",
		Long: `Runs the three services in one process, on an embedded Kafka, Redis and NATS, with a tenant to try things in. The log is
kept in the data directory; the next start brings the state back from it. For development only: the embedded servers
are slow, alone, and keep little.`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&cfg.Data, "data", "data", "directory of the log")
	f.StringVar(&cfg.Listen, "listen", "127.0.0.1:8080", "where to serve pages, gRPC, JSON and WebSockets")
	f.StringVar(&cfg.Log.Level, "log.level", "error", "least level to log: debug, info, warn or error")
	f.StringVar(&cfg.Log.Format, "log.format", "console", "json for machines, console for people")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg.Out = c.OutOrStdout()
		return up.Run(c.Context(), cfg)
	}
	return c
}

// self is how a person calls this program.
func self() string {
	if strings.Contains(os.Args[0], "/go-build") {
		return "go run ./services/busyhour/cmd/busyhour"
	}
	return os.Args[0]
}
