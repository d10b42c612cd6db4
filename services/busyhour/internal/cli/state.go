package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/pkg/rebuild"
	"github.com/busyhour/busyhour/pkg/tlsfiles"
	"github.com/busyhour/busyhour/services/busyhour/internal/operate"
)

var services = []string{"call-routing", "agent-presence", "provisioning"}

func newState() *cobra.Command {
	c := &cobra.Command{
		Use:   "state",
		Short: "The state in Redis: how it stands, compare it with the log, build it anew",
		Long: `Talks to one pod of a service, on its operations port (ops.listen), which is not for the public. Without --ops-url it is
that of a "busyhour up" at --url.`,
	}
	c.AddCommand(newStateStatus(), newStateVerify(), newStateRebuild())
	return c
}

// pod are the flags that name a pod.
type pod struct {
	url, ops, service, tokenFile string
	tls                          *tlsfiles.Files
}

func podFlags(c *cobra.Command, p *pod) {
	p.tls = tlsFlags(c)
	f := c.Flags()
	f.StringVar(&p.url, "url", "http://127.0.0.1:8080", "address of a running busyhour up")
	f.StringVar(&p.ops, "ops-url", "", "operations port of a pod of the service, for instance http://127.0.0.1:9090")
	tokenFileFlag(c, &p.tokenFile)
	f.StringVar(&p.service, "service", "call-routing", strings.Join(services, ", "))
}

func (p pod) get() (operate.Pod, error) {
	if !slices.Contains(services, p.service) {
		return operate.Pod{}, fmt.Errorf("service %q: there are %s", p.service, strings.Join(services, ", "))
	}
	if p.ops != "" {
		return operate.Pod{URL: p.ops, TLS: *p.tls, Token: tokenFor(p.tokenFile, []string{p.ops})}, nil
	}
	return operate.Pod{URL: strings.TrimRight(p.url, "/") + "/ops/" + p.service, TLS: *p.tls, Token: tokenFor(p.tokenFile, []string{p.url})}, nil
}

func newStateStatus() *cobra.Command {
	c := &cobra.Command{Use: "status", Short: "Print how every tenant stands on a pod, and how far a recovery is", Args: cobra.NoArgs}
	var p pod
	podFlags(c, &p)
	out := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		at, err := p.get()
		if err != nil {
			return err
		}
		s, err := at.Statusz(c.Context())
		if err != nil {
			return err
		}
		if out.json() {
			return writeJSON(c.OutOrStdout(), s)
		}
		return printStatus(c.OutOrStdout(), s.Tenants...)
	}
	return c
}

func newStateVerify() *cobra.Command {
	c := &cobra.Command{
		Use:   "verify",
		Short: "Compare every stored record of a tenant with the log",
		Long: `Reads the whole log of the tenant and compares every record that Redis holds with it. Nothing is changed, and calls go on
meanwhile. Ends with exit code 1 if something differs.`,
		Args: cobra.NoArgs,
	}
	var p pod
	podFlags(c, &p)
	tenant, out := c.Flags().String("tenant", "demo", "tenant to verify"), outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		at, err := p.get()
		if err != nil {
			return err
		}
		v, err := at.Verify(c.Context(), *tenant)
		if err != nil {
			return err
		}
		if out.json() {
			err = writeJSON(c.OutOrStdout(), v)
		} else {
			err = printVerification(c.OutOrStdout(), v)
		}
		if err == nil && len(v.Divergences) > 0 {
			err = fmt.Errorf("%d records differ from the log", len(v.Divergences))
		}
		return err
	}
	return c
}

func newStateRebuild() *cobra.Command {
	c := &cobra.Command{
		Use:   "rebuild",
		Short: "Take a new epoch for a tenant and build its state anew from the log",
		Long: `The tenant is closed while it is built, usually for well under a second; other tenants go on. Also lets a tenant go on that
was recovered too often and is held.`,
		Args: cobra.NoArgs,
	}
	var p pod
	podFlags(c, &p)
	tenant, out := c.Flags().String("tenant", "demo", "tenant to build anew"), outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		at, err := p.get()
		if err != nil {
			return err
		}
		s, err := at.Rebuild(c.Context(), *tenant)
		if err != nil {
			return err
		}
		if out.json() {
			return writeJSON(c.OutOrStdout(), s)
		}
		return printStatus(c.OutOrStdout(), *s)
	}
	return c
}

func printStatus(w io.Writer, tenants ...rebuild.TenantStatus) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TENANT\tSTATE\tEPOCH\tPHASE\tSINCE\tLOG READ\tBUILT\tWHY")
	for _, s := range tenants {
		state := "closed"
		if s.Open {
			state = "verified"
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%d of %d\t%d\t%s\n", s.Tenant, state, s.Epoch, s.Phase,
			s.Since.Local().Format(time.DateTime), s.Read, s.Total, s.Built, s.Why)
	}
	return t.Flush()
}

func printVerification(w io.Writer, v *rebuild.Verification) error {
	fmt.Fprintf(w, "tenant %s, epoch %d: %d records in Redis and %d in the log compared in %s; %d differ, %d could not be compared\n",
		v.Tenant, v.Epoch, v.Records, v.Logged, v.Took.Round(time.Millisecond), len(v.Divergences), len(v.Unsettled))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, d := range v.Divergences {
		fmt.Fprintf(t, "%s\t%s\tRedis %s\tlog %s\n", d.Record, d.Cause, d.Redis, d.Log)
	}
	return t.Flush()
}
