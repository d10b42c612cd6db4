package fleet

import (
	"os/exec"
	"syscall"
)

// endWithUs lets no process outlive a test that was killed.
func endWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
