package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/pkg/config"
	presence "github.com/busyhour/busyhour/services/agent-presence"
	routing "github.com/busyhour/busyhour/services/call-routing"
	"github.com/busyhour/busyhour/services/provisioning"
)

// configs of the services.
var configs = []struct {
	service string
	of      func() any
}{
	{"call-routing", func() any { return &routing.Config{} }},
	{"agent-presence", func() any { return &presence.Config{} }},
	{"provisioning", func() any { return &provisioning.Config{} }},
}

func newConfig() *cobra.Command {
	var names []string
	for _, c := range configs {
		names = append(names, c.service)
	}
	return &cobra.Command{
		Use:       "config [" + strings.Join(names, "|") + "]",
		Short:     "Print every configuration key with its default and its environment variable",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: names,
		RunE: func(c *cobra.Command, args []string) error {
			return describe(c.OutOrStdout(), args)
		},
	}
}

func describe(w io.Writer, only []string) error {
	for i, c := range configs {
		if len(only) > 0 && only[0] != c.service {
			continue
		}
		if i > 0 && len(only) == 0 {
			fmt.Fprintln(w, "\n---")
		}
		if err := config.Describe(w, c.service, c.of()); err != nil {
			return err
		}
	}
	return nil
}
