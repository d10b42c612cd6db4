// Command agent-presence knows who is there and keeps their screens up to date.
package main

import presence "github.com/busyhour/busyhour/services/agent-presence"

func main() { presence.Main() }
