package cli

import "github.com/spf13/cobra"

func newAccess() *cobra.Command {
	c := &cobra.Command{Use: "access", Short: "Who may do what"}
	c.AddCommand(newAccessMatrix())
	return c
}
