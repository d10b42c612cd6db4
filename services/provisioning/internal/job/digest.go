package job

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
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
		d.queue(it.GetQueue())
		d.number(int(it.GetIfRevision().GetEpoch()))
		d.number(int(it.GetIfRevision().GetN()))
	}
	return d.Sum(nil)
}

type digest struct{ hash.Hash }

func (d digest) agent(a *provisioningv1.Agent) {
	d.text(a.GetId())
	d.text(a.GetName())
	d.skills(a.GetSkills())
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
	d.flag(a.GetDeactivated())
	d.text(a.GetExternalId())
}

func (d digest) queue(q *provisioningv1.Queue) {
	d.text(q.GetId())
	d.text(q.GetName())
	d.number(int(q.GetChannel()))
	d.skills(q.GetRequiredSkills())
	d.text(q.GetExternalId())
	for _, t := range []*durationpb.Duration{q.GetOfferTimeout(), q.GetWrapUpLimit(), q.GetMaxWait(), q.GetServiceLevelTarget(), q.GetRetryAfter()} {
		d.flag(t != nil)
		d.number(int(t.AsDuration()))
	}
}

func (d digest) skills(skills []*commonv1.Skill) {
	d.number(len(skills))
	for _, s := range skills {
		d.text(s.GetName())
		d.number(int(s.GetLevel()))
	}
}

func (d digest) flag(set bool) {
	if set {
		d.number(1)
		return
	}
	d.number(0)
}

func (d digest) text(s string) {
	d.number(len(s))
	d.Write([]byte(s))
}

func (d digest) number(n int) { d.Write(binary.AppendVarint(nil, int64(n))) }
