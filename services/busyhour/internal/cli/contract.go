package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/services/busyhour/internal/contract"
)

func newContract() *cobra.Command {
	c := &cobra.Command{Use: "contract", Short: "For those who write to our topics: check events before they are written"}
	c.AddCommand(newContractTest())
	return c
}

func newContractTest() *cobra.Command {
	c := &cobra.Command{
		Use:   "test --topic TOPIC FILE…",
		Short: "Check sample events against the contract of a topic",
		Long: `Reads sample events from files and says what is wrong with each, and what to do about it: type, headers, payload, the rules
beside its fields, key, size. Ends with exit code 1 if something is. Nothing is sent anywhere.

A file that ends in .json or .jsonl has one or more events:

  {"key": "call-7", "headers": {"ce_specversion": "1.0", "ce_id": "…", …}, "value": {the payload in protobuf's JSON}}

with "valueBase64" instead of "value" for its bytes. Any other file is a payload in binary; beside it stands
FILE.headers.json with {"key": …, "headers": {…}}.`,
		Args: cobra.MinimumNArgs(1),
	}
	topic := c.Flags().String("topic", "", "the topic that they are for: "+strings.Join(contract.OpenTopics(), ", "))
	output := outputFlag(c)
	_ = c.MarkFlagRequired("topic")
	c.RunE = func(c *cobra.Command, args []string) error {
		report, err := contract.Test(*topic, args)
		if err != nil {
			return err
		}
		if err := report.Write(c.OutOrStdout(), output.json()); err != nil {
			return err
		}
		if n := len(report.Problems); n > 0 {
			return fmt.Errorf("%d problems", n)
		}
		return nil
	}
	return c
}
