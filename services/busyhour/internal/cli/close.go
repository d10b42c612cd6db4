package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	routingv1 "github.com/busyhour/busyhour/api/gen/busyhour/routing/v1"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// closeLimit is how long a supervisor's command is tried while the state is not verified.
const closeLimit = 10 * time.Second

func newClose() *cobra.Command {
	c := &cobra.Command{
		Use:   "close CONTACT",
		Short: "Close a card: end a contact whatever state it is in",
		Long: `Ends the contact, takes its card from the agent's screen, and has the switch release the call as soon as it can. Works while
the switch is away. If the contact is nowhere any more and a screen still shows its card, name the agent: the screen is told
anew what the agent holds.`,
		Args: cobra.ExactArgs(1),
	}
	t, out := targetFlags(c), outputFlag(c)
	r := &routingv1.CloseContactRequest{}
	f := c.Flags()
	f.StringVar(&r.Tenant, "tenant", "demo", "tenant of the contact")
	f.StringVar(&r.Reason, "reason", "", "who closes it and why; goes into the log")
	f.StringVar(&r.AgentId, "agent", "", "agent on whose screen the card is shown")
	_ = c.MarkFlagRequired("reason")
	c.RunE = func(c *cobra.Command, args []string) error {
		r.ContactId = args[0]
		return t.dial(func(clients *simulate.Clients) error {
			ctx, cancel := context.WithTimeout(c.Context(), closeLimit)
			defer cancel()
			answer, err := clients.CloseContact(ctx, r)
			if err != nil {
				return fmt.Errorf("close contact %s: %w", r.ContactId, err)
			}
			if out.json() {
				return writeJSON(c.OutOrStdout(), answer)
			}
			return writeClosed(c.OutOrStdout(), r, answer)
		})
	}
	return c
}

func writeClosed(w io.Writer, r *routingv1.CloseContactRequest, answer *routingv1.CloseContactResponse) (err error) {
	state := strings.ToLower(strings.TrimPrefix(answer.GetContact().GetState().String(), "CONTACT_STATE_"))
	switch answer.Outcome {
	case routingv1.CloseContactResponse_OUTCOME_CARD_DROPPED:
		_, err = fmt.Fprintf(w, "there is no contact %s; the screens of %s were told what they hold\n", r.ContactId, r.AgentId)
	case routingv1.CloseContactResponse_OUTCOME_ENDED_BEFORE:
		_, err = fmt.Fprintf(w, "contact %s had ended before: %s since %s\n", r.ContactId, state, answer.Contact.Since.AsTime().Local().Format(time.DateTime))
	default:
		_, err = fmt.Fprintf(w, "contact %s is closed: %s\n", r.ContactId, state)
	}
	return err
}
