package job

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// Digest tells whether two orders are of the same items. It is written out field by field because protobuf does not
// promise the same bytes from one version to the next.
func Digest(items []*provisioningv1.Item) []byte {
	d := digest{sha256.New()}
	d.number(len(items))
	for _, it := range items {
		d.number(int(it.GetKind()))
		d.agent(it.GetAgent())
	}
	return d.Sum(nil)
}

type digest struct{ hash.Hash }

func (d digest) agent(a *provisioningv1.Agent) {
	d.text(a.GetId())
	d.text(a.GetName())
	d.number(len(a.GetSkills()))
	for _, s := range a.GetSkills() {
		d.text(s.GetName())
		d.number(int(s.GetLevel()))
	}
	d.number(len(a.GetQueueIds()))
	for _, q := range a.GetQueueIds() {
		d.text(q)
	}
	d.number(len(a.GetCapacity()))
	for _, c := range a.GetCapacity() {
		d.number(int(c.GetChannel()))
		d.number(int(c.GetContacts()))
	}
	d.text(a.GetAddress())
}

func (d digest) text(s string) {
	d.number(len(s))
	d.Write([]byte(s))
}

func (d digest) number(n int) { d.Write(binary.AppendVarint(nil, int64(n))) }
