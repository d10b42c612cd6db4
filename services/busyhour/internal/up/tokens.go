package up

import (
	"context"
	"os"
	"path/filepath"

	"github.com/busyhour/busyhour/api/access"
)

// tokens of the demo. Admins may act as any agent of their tenant, so the page's token is whoever logs in with it, and the
// commands' is the simulator's agents too.
type tokens struct {
	issuer *issuer
	page   string
	// commands is also in the data directory, where the commands on this machine find it.
	commands, file string
}

func newTokens(data string) (*tokens, error) {
	t := &tokens{file: filepath.Join(data, "token")}
	var err error
	if t.issuer, err = newIssuer(data); err != nil {
		return nil, err
	}
	if t.page, err = t.issuer.token("page", access.Admin, access.Supervisor); err != nil {
		return nil, err
	}
	if t.commands, err = t.issuer.token("cli", access.Admin, access.Supervisor, access.Switch, access.Service); err != nil {
		return nil, err
	}
	return t, os.WriteFile(t.file, []byte(t.commands+"\n"), 0o600)
}

// command is a token source.
func (t *tokens) command(context.Context) (string, error) { return t.commands, nil }
