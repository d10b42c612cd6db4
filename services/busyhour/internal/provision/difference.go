package provision

import (
	"strings"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// Words of a difference: what would be done, and why not or what would change.
func Words(d *provisioningv1.Difference) string {
	words := strings.ToLower(strings.TrimPrefix(d.Action.String(), "ACTION_")) + " " + strings.Replace(d.Entity, "/", " ", 1)
	if d.Reason != "" {
		return words + ": " + d.Reason
	}
	if len(d.Changes) > 0 {
		return words + ": " + strings.Join(d.Changes, "; ")
	}
	return words
}

// Untold counts the differences that an answer counts and does not tell.
func Untold(answer *provisioningv1.UploadJobResponse) int {
	c := answer.GetCounts()
	return int(c.GetCreate()+c.GetUpdate()+c.GetDelete()+c.GetRefuse()) - len(answer.Differences)
}
