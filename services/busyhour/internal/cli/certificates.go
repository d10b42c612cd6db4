package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/pkg/authority"
)

func newCertificates() *cobra.Command {
	c := &cobra.Command{
		Use:   "certificates",
		Short: "Make an authority and certificates, for development",
		Long: `Writes ca.pem, and NAME.pem with NAME.key for each host, NAME being the host, and NAME.store.pem with both, as Kafka wants it. What is there already stays, unless it ends
within a week or --force says so: then all of it is made anew. The authority's own key is kept nowhere. For development only:
in production your own authority renews certificates, and the services read them again when they change.`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	out := f.String("out", "", "directory to write into")
	hosts := f.StringSlice("host", []string{"localhost"}, "hosts to make a certificate for; each is also good for localhost and 127.0.0.1")
	lasts := f.Duration("lasts", 90*24*time.Hour, "how long they are good")
	force := f.Bool("force", false, "make them anew")
	readable := f.Bool("readable", false, "let everybody read the keys, as containers with users of their own need it")
	_ = c.MarkFlagRequired("out")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if !*force && authority.Good(filepath.Join(*out, "ca.pem"), 7*24*time.Hour) {
			fmt.Fprintf(c.OutOrStdout(), "%s has certificates\n", *out)
			return nil
		}
		if err := certificates(*out, *hosts, *lasts, *readable); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.OutOrStdout(), "certificates for %d hosts are in %s; for development only\n", len(*hosts), *out)
		return err
	}
	return c
}

func certificates(dir string, hosts []string, lasts time.Duration, readable bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	a, err := authority.New("busyhour development", lasts)
	if err != nil {
		return err
	}
	for _, h := range hosts {
		pair, err := a.Issue(h, h, "localhost", "127.0.0.1", "::1")
		if err != nil {
			return err
		}
		key, store := filepath.Join(dir, h+".key"), filepath.Join(dir, h+".store.pem")
		if err := pair.Write(filepath.Join(dir, h+".pem"), key); err != nil {
			return err
		}
		if err := os.WriteFile(store, slices.Concat(pair.Key, pair.Certificate), 0o600); err != nil {
			return err
		}
		if readable {
			if err := errors.Join(os.Chmod(key, 0o644), os.Chmod(store, 0o644)); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(dir, "ca.pem"), a.PEM, 0o644) // last: it says that all of it is there
}
