package identity

import (
	"encoding/json"
	"fmt"
	"strings"
)

// read makes an Identity of the payload of a token whose signature, issuer, audience and time are good.
func (c *ClaimsConfig) read(payload json.RawMessage) (*Identity, error) {
	claims := map[string]any{}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, fmt.Errorf("its claims cannot be read: %w", err)
	}
	i := &Identity{Tenants: texts(claimed(claims, c.Tenant)), Roles: texts(claimed(claims, c.Roles))}
	i.Subject, _ = claims["sub"].(string)
	i.Agent, _ = claimed(claims, c.Agent).(string)
	if i.Subject == "" {
		return nil, fmt.Errorf("it names no subject (claim sub)")
	}
	return i, nil
}

// claimed finds a claim. A name that is no claim itself is a path; names such as https://example.com/roles have dots, too.
func claimed(claims map[string]any, name string) any {
	if v, there := claims[name]; there {
		return v
	}
	head, rest, inner := strings.Cut(name, ".")
	if !inner {
		return nil
	}
	within, _ := claims[head].(map[string]any)
	if within == nil {
		return nil
	}
	return claimed(within, rest)
}

// texts reads a claim of one or several words: "a", "a b" or ["a", "b"].
func texts(claim any) (out []string) {
	switch v := claim.(type) {
	case string:
		return strings.Fields(v)
	case []any:
		for _, one := range v {
			if s, ok := one.(string); ok && s != "" {
				out = append(out, s)
			}
		}
	}
	return out
}
