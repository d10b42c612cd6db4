//go:build !linux

package fleet

import "os/exec"

func endWithUs(*exec.Cmd) {}
