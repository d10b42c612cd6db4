//go:build !linux

package link

import (
	"errors"
	"net"
)

func inodeOf(*net.TCPAddr, *net.TCPAddr) (uint32, error) { return 0, errors.ErrUnsupported }
