package scim

import (
	"net/http"
	"net/url"
)

// base is the address of a tenant's resources, as the caller wrote it.
type base string

// baseOf takes it from the request. Whoever ends TLS before us says so in X-Forwarded-Proto.
func baseOf(r *http.Request, tenant string) base {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return base(scheme + "://" + r.Host + "/scim/v2/" + url.PathEscape(tenant))
}

func (b base) of(t *resourceType, id string) string {
	return string(b) + "/" + t.path + "/" + url.PathEscape(id)
}
