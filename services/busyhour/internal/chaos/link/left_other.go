//go:build !unix

package link

import "net"

func left(net.Conn) bool { return false }
