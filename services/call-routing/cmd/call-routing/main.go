// Command call-routing takes switches' signals and puts the right call in front of the right agent.
package main

import routing "github.com/busyhour/busyhour/services/call-routing"

func main() { routing.Main() }
