// Package cli is the command line of busyhour: flags in, the packages that do the work behind.
package cli

import (
	"context"

	"github.com/spf13/cobra"
)

// Run runs the command line.
func Run(ctx context.Context, args []string) error {
	root := newRoot()
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "busyhour",
		Short:         "The real-time core of a contact centre: run it, try it, load it, operate it",
		SilenceErrors: true, // main prints them
		SilenceUsage:  true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newAccess(), newBench(), newCall(), newCertificates(), newChaos(), newClose(), newConfig(), newContract(), newDoctor(), newProvision(), newSimulate(), newState(), newStub(), newSwitches(), newTail(), newTopics(), newUp())
	return root
}
