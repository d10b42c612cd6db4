//go:build !unix

package fleet

import "errors"

func (c *Child) Pause() error  { return errors.ErrUnsupported }
func (c *Child) Resume() error { return errors.ErrUnsupported }
