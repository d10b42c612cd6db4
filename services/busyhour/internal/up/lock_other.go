//go:build !unix

package up

// lock knows no way here to keep a second process off the data directory.
func lock(string) (unlock func(), err error) { return func() {}, nil }
