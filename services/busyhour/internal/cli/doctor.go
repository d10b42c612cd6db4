package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/busyhour/busyhour/pkg/boot"
	"github.com/busyhour/busyhour/pkg/config"
	presence "github.com/busyhour/busyhour/services/agent-presence"
	"github.com/busyhour/busyhour/services/busyhour/internal/doctor"
	routing "github.com/busyhour/busyhour/services/call-routing"
	"github.com/busyhour/busyhour/services/provisioning"
)

func newDoctor() *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor [flags] [-- FLAGS OF THE SERVICE]",
		Short: "Look at a deployment: Redis, Kafka, NATS and the pods, and say how to mend what is not well",
		Long: `Reads the configuration that a service would read (file, environment, and the service's own flags behind --), looks at the
servers that it names and at the pods, and changes nothing. Ends with exit code 0 if all is well, 1 if something warns, 2 if
something fails; with --fail-on fail, warnings are well.

  busyhour doctor --config call-routing.yaml --ops-url http://call-routing-0:9090 --ops-url http://agent-presence-0:9090
  busyhour doctor --ops-url http://localhost:9090 -- --kafka.brokers=kafka:9092 --redis.addresses=redis:6379`,
	}
	f := c.Flags()
	file := f.String("config", "", "configuration file of the service")
	service := f.String("service", "call-routing", "whose configuration it is: call-routing, agent-presence, provisioning")
	ops := f.StringSlice("ops-url", nil, "operations ports of pods, for instance http://127.0.0.1:9090")
	replication := f.Int16("replication-factor", 3, "replicas that topics should have")
	failOn := f.String("fail-on", string(doctor.Warn), "what makes an exit code other than 0: warn, or fail alone")
	out := outputFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		least := doctor.Level(*failOn)
		if least != doctor.Warn && least != doctor.Fail {
			return fmt.Errorf("fail-on %q: there are %s and %s", *failOn, doctor.Warn, doctor.Fail)
		}
		if *file != "" {
			args = append([]string{"--config=" + *file}, args...)
		}
		common, err := commonOf(*service, args)
		if err != nil {
			return err
		}
		found := doctor.Visit(c.Context(), doctor.Config{Common: common, Ops: *ops, Replication: *replication})
		write := doctor.Table
		if out.json() {
			write = doctor.JSON
		}
		if err := write(c.OutOrStdout(), found); err != nil {
			return err
		}
		return verdict(doctor.Worst(found), least)
	}
	return c
}

// commonOf is what all services share of one's configuration.
func commonOf(service string, args []string) (boot.Common, error) {
	switch service {
	case "call-routing":
		var c routing.Config
		err := config.Load(service, &c, args)
		return c.Common, err
	case "agent-presence":
		var c presence.Config
		err := config.Load(service, &c, args)
		return c.Common, err
	case "provisioning":
		var c provisioning.Config
		err := config.Load(service, &c, args)
		return c.Common, err
	}
	return boot.Common{}, fmt.Errorf("service %q: there are call-routing, agent-presence, provisioning", service)
}

func verdict(worst, least doctor.Level) error {
	switch {
	case worst == doctor.Fail:
		return &boot.Exit{Code: 2, Err: errors.New("something fails, see above")}
	case worst == doctor.Warn && least == doctor.Warn:
		return &boot.Exit{Code: 1, Err: errors.New("something warns, see above")}
	}
	return nil
}
