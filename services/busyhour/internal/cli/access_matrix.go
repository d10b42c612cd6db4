package cli

import (
	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/api/access"
	"github.com/busyhour/busyhour/services/busyhour/internal/matrix"
)

func newAccessMatrix() *cobra.Command {
	return &cobra.Command{
		Use:   "matrix",
		Short: "Print every method and page with the roles that may call it, as Markdown",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return matrix.Markdown(c.OutOrStdout(), access.Table())
		},
	}
}
