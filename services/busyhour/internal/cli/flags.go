package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/tlsfiles"
	"github.com/busyhour/busyhour/services/busyhour/internal/provision"
	"github.com/busyhour/busyhour/services/busyhour/internal/simulate"
)

// output is the flag --output.
type output string

func outputFlag(c *cobra.Command) *output {
	o := output("text")
	c.Flags().VarP(&o, "output", "o", "text, or json")
	return &o
}

func (o *output) String() string { return string(*o) }
func (o *output) Type() string   { return "format" }
func (o *output) json() bool     { return *o == "json" }

func (o *output) Set(s string) error {
	if s != "text" && s != "json" {
		return fmt.Errorf("%q: there are text and json", s)
	}
	*o = output(s)
	return nil
}

// priority is the flag --priority of a job.
type priority provisioningv1.Priority

func priorityFlag(c *cobra.Command, p *provisioningv1.Priority) {
	c.Flags().Var((*priority)(p), "priority", "bulk, normal, or urgent; without it by size: normal up to 100 items, bulk above")
}

func (p *priority) Type() string { return "priority" }

func (p *priority) String() string {
	if *p == 0 {
		return ""
	}
	return provision.PriorityWord(provisioningv1.Priority(*p))
}

func (p *priority) Set(s string) error {
	known, ok := provisioningv1.Priority_value["PRIORITY_"+strings.ToUpper(s)]
	if !ok || known == 0 || s != strings.ToLower(s) {
		return fmt.Errorf("%q: there are bulk, normal and urgent", s)
	}
	*p = priority(known)
	return nil
}

// targets are the flags that say where Busyhour runs.
type targets struct {
	all, routing, presence, provisioning []string
	tls                                  *tlsfiles.Files
	tokenFile                            string
}

// tlsFlags are the flags that say who is known at https addresses, and who we are.
func tlsFlags(c *cobra.Command) *tlsfiles.Files {
	files := &tlsfiles.Files{}
	f := c.Flags()
	f.StringVar(&files.CA, "ca", "", "file (PEM) with those who may have signed the certificates of https addresses; empty: those that the system trusts")
	f.StringVar(&files.Cert, "cert", "", "file (PEM) with our certificate, where one is wanted")
	f.StringVar(&files.Key, "key", "", "file (PEM) with the key of --cert")
	c.MarkFlagsRequiredTogether("cert", "key")
	return files
}

func targetFlags(c *cobra.Command) *targets {
	t := &targets{tls: tlsFlags(c)}
	f := c.Flags()
	f.StringSliceVar(&t.all, "url", []string{"http://127.0.0.1:8080"}, "addresses of a running instance, tried in turn")
	f.StringSliceVar(&t.routing, "routing-url", nil, "addresses of call-routing, where they differ from --url")
	f.StringSliceVar(&t.presence, "presence-url", nil, "addresses of agent-presence, where they differ from --url")
	f.StringSliceVar(&t.provisioning, "provisioning-url", nil, "addresses of provisioning, where they differ from --url")
	tokenFileFlag(c, &t.tokenFile)
	return t
}

// dial makes clients of the services for as long as do takes.
func (t *targets) dial(do func(*simulate.Clients) error) error {
	at := t.get()
	if err := at.Validate(); err != nil {
		return err
	}
	clients := at.Dial()
	defer clients.Close()
	return do(clients)
}

func (t *targets) get() simulate.Targets {
	or := func(own []string) []string {
		if len(own) > 0 {
			return own
		}
		return t.all
	}
	at := simulate.Targets{Routing: or(t.routing), Presence: or(t.presence), Provisioning: or(t.provisioning), TLS: *t.tls}
	at.Token = tokenFor(t.tokenFile, slices.Concat(at.Routing, at.Presence, at.Provisioning))
	return at
}
