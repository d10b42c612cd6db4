package directory

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// Edit is the move that changes an agent in what the edit is about, and refuses if there is none. What comes of it must be
// an agent as any other.
func Edit(edit func(*provisioningv1.Agent)) func(p Present, wish *Entry, now time.Time) (*Entry, error) {
	return func(p Present, wish *Entry, now time.Time) (*Entry, error) {
		if err := Existing(p); err != nil {
			return nil, err
		}
		agent := proto.CloneOf(p.Entry.GetAgent())
		edit(agent)
		if err := Refuse(p.Record, CheckAgent(agent)); err != nil {
			return nil, err
		}
		wish = proto.CloneOf(wish)
		wish.Entry = &provisioningv1.DirectoryEntry_Agent{Agent: agent}
		return Upsert(p, wish, now)
	}
}

// SetSkills gives the agent skills at their levels, and leaves others as they are.
func SetSkills(a *provisioningv1.Agent, skills []*commonv1.Skill) {
	for _, s := range skills {
		i := slices.IndexFunc(a.Skills, func(have *commonv1.Skill) bool { return have.GetName() == s.GetName() })
		if i < 0 {
			a.Skills = append(a.Skills, s)
			continue
		}
		a.Skills[i] = s
	}
}

// RemoveSkills takes skills away, whatever their level.
func RemoveSkills(a *provisioningv1.Agent, skills []*commonv1.Skill) {
	a.Skills = slices.DeleteFunc(a.Skills, func(have *commonv1.Skill) bool {
		return slices.ContainsFunc(skills, func(s *commonv1.Skill) bool { return s.GetName() == have.GetName() })
	})
}

// JoinQueues has the agent serve queues beside those they serve.
func JoinQueues(a *provisioningv1.Agent, ids []string) {
	for _, id := range ids {
		if !slices.Contains(a.QueueIds, id) {
			a.QueueIds = append(a.QueueIds, id)
		}
	}
}

// LeaveQueues has the agent serve queues no more.
func LeaveQueues(a *provisioningv1.Agent, ids []string) {
	a.QueueIds = slices.DeleteFunc(a.QueueIds, func(id string) bool { return slices.Contains(ids, id) })
}
