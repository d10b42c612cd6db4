package scim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
)

// userVersion is the ETag of a user: the revision in the directory.
func userVersion(r *commonv1.Revision) string {
	return fmt.Sprintf(`W/"%d.%d"`, r.GetEpoch(), r.GetN())
}

// groupVersion has the members in it too, for who joins a queue changes the agent, not the queue.
func groupVersion(r *commonv1.Revision, members []string) string {
	if len(members) == 0 {
		return userVersion(r)
	}
	sum := sha256.New()
	for _, id := range members {
		fmt.Fprintf(sum, "%s\n", id)
	}
	return fmt.Sprintf(`W/"%d.%d-%s"`, r.GetEpoch(), r.GetN(), hex.EncodeToString(sum.Sum(nil)[:6]))
}

// matches compares a version with those of an If-Match or If-None-Match, as weak ones are.
func matches(header, version string) bool {
	return slices.ContainsFunc(strings.Split(header, ","), func(one string) bool {
		one = strings.TrimSpace(one)
		return one == "*" || strings.Trim(strings.TrimPrefix(one, "W/"), `"`) == strings.Trim(strings.TrimPrefix(version, "W/"), `"`)
	})
}
