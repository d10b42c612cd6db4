package simulate

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"math/rand/v2"
	"strings"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
)

// ContactID is the id of the contact that a call becomes; it follows from tenant, switch and call.
func ContactID(tenant, switchID, callID string) string {
	sum := sha256.Sum256([]byte(tenant + "\x00" + switchID + "\x00" + callID))
	return "c-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:26]
}

// NewCallID is one that no other call has.
func NewCallID() string { return "call-" + newID() }

// newID is random, for things that must differ between two runs.
func newID() string {
	var b [8]byte
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return hex.EncodeToString(b[:])
}

// number is a revision as one number, so that newer is higher.
func number(r *commonv1.Revision) uint64 { return uint64(r.GetEpoch())<<32 | uint64(r.GetN()) }
