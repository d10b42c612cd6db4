// Command provisioning is the provisioning service; `provisioning config` prints its configuration.
package main

import "github.com/busyhour/busyhour/services/provisioning"

func main() { provisioning.Main() }
