package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/telemetry"
	"github.com/busyhour/busyhour/services/busyhour/internal/scimstub"
)

func newStub() *cobra.Command {
	c := &cobra.Command{Use: "stub", Short: "Servers to try a downstream on"}
	c.AddCommand(newStubSCIM())
	return c
}

func newStubSCIM() *cobra.Command {
	var cfg scimstub.Config
	c := &cobra.Command{
		Use:   "scim",
		Short: "Run a SCIM 2.0 server in memory that can be told to be slow or to go wrong",
		Long: `Keeps users and groups until it ends. PUT /stub/behaviour changes how it answers while it runs; what is left out goes well:

    curl -X PUT --data '{"latency": "2s", "errors": 0.2, "throttles": 0.1, "retry_after": "3s", "resets": 0.1, "losses": 0.1,
      "malformed": 0.1}' http://127.0.0.1:8090/stub/behaviour

errors are answered 500, throttles 429, resets lose their connection: they change nothing. losses are done and never
answered, malformed are done and answered with half of the JSON. GET /stub/counts says what was asked, and which userName
was created how often.`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	listen := f.String("listen", "127.0.0.1:8090", "where to serve; port 0 takes a free one")
	f.StringVar(&cfg.Token, "token", "", "bearer token that is wanted; empty: none is")
	f.BoolVar(&cfg.Lax, "lax", false, "take a userName or an externalId that is taken, as careless servers do")
	f.DurationVar((*time.Duration)(&cfg.Behaviour.Latency), "latency", 0, "time before each answer, to begin with")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := cfg.Behaviour.Validate(); err != nil {
			return err
		}
		return serveStub(c.Context(), c.OutOrStdout(), *listen, scimstub.New(cfg))
	}
	return c
}

func serveStub(ctx context.Context, w io.Writer, listen string, stub *scimstub.Stub) error {
	front := edge.NewServer(edge.ServerConfig{Listen: listen, Grace: time.Second}, zap.NewNop(), telemetry.Registry())
	front.Handle("/", stub.Handler())
	if err := front.Open(); err != nil {
		return err
	}
	fmt.Fprintf(w, "SCIM 2.0 on http://%s/scim/v2, its behaviour on http://%[1]s/stub/behaviour\n", front.Addr())
	return front.Run(ctx)
}
