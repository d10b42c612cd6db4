package cli

import (
	"context"
	"net"
	"net/url"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/config"
	"github.com/busyhour/busyhour/pkg/edge"
	"github.com/busyhour/busyhour/pkg/identity"
	"github.com/busyhour/busyhour/services/busyhour/internal/up"
)

// environment of the commands that ask a running instance.
type environment struct {
	Token string `key:"token" doc:"Token that says who asks, where no --token-file is given." secret:"true"`
}

func tokenFileFlag(c *cobra.Command, path *string) {
	c.Flags().StringVar(path, "token-file", "", "file with the token that says who asks; without it $BUSYHOUR_TOKEN, or on this machine that of a busyhour up, "+up.TokenFile)
}

// tokenFor says who asks at these addresses. What a busyhour up in this directory has written goes to this machine only.
func tokenFor(path string, urls []string) edge.TokenSource {
	return func(context.Context) (string, error) {
		if path != "" {
			return identity.ReadToken(path)
		}
		var env environment
		if err := config.Load("busyhour", &env, nil); err != nil || env.Token != "" {
			return env.Token, err
		}
		if _, err := os.Stat(up.TokenFile); err != nil || slices.ContainsFunc(urls, elsewhere) {
			return "", nil
		}
		return identity.ReadToken(up.TokenFile)
	}
}

// elsewhere says whether an address is another machine's.
func elsewhere(address string) bool {
	u, err := url.Parse(address)
	return err != nil || !boot.Loopback(net.JoinHostPort(u.Hostname(), "0"))
}
