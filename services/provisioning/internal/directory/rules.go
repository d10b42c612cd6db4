package directory

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"buf.build/go/protovalidate"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/pkg/refusal"
)

// Limits of the contract, which says them too; a test holds the two together. They stand here because an import has to
// say what is wrong with line 7,000 in words about lines and columns.
const (
	maxID         = 128
	maxName       = 128
	maxAddress    = 256
	maxExternalID = 256
	maxSkills     = 200
	maxSkillName  = 64
	maxLevel      = 100
	maxQueues     = 200
	maxContacts   = 50
	maxQueueSkill = 32
)

var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@+-]*$`)

// Problem is one thing wrong with an agent or a queue: the field, and what is expected of it.
type Problem struct{ Field, Text string }

// problems collects.
type problems []Problem

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, Problem{field, fmt.Sprintf(format, args...)})
}

// CheckAgent says everything that is wrong with an agent, in the order of its fields.
func CheckAgent(a *provisioningv1.Agent) []Problem {
	var p problems
	p.id("id", a.GetId())
	p.name(a.GetName())
	p.skills("skills", a.GetSkills(), maxSkills)
	p.queues(a.GetQueueIds())
	p.capacity(a.GetCapacity())
	p.text("address", a.GetAddress(), maxAddress)
	p.text("external_id", a.GetExternalId(), maxExternalID)
	return p
}

// CheckSkills is CheckAgent for a change of skills, of which only those and the id count.
func CheckSkills(a *provisioningv1.Agent) []Problem {
	var p problems
	p.id("id", a.GetId())
	if len(a.GetSkills()) == 0 {
		p.add("skills", "are missing")
	}
	p.skills("skills", a.GetSkills(), maxSkills)
	return p
}

// CheckServed is CheckAgent for a change of queues, of which only those and the id count.
func CheckServed(a *provisioningv1.Agent) []Problem {
	var p problems
	p.id("id", a.GetId())
	if len(a.GetQueueIds()) == 0 {
		p.add("queues", "are missing")
	}
	p.queues(a.GetQueueIds())
	return p
}

// CheckID is CheckAgent for a deletion, of which only the id counts.
func CheckID(id string) []Problem {
	var p problems
	p.id("id", id)
	return p
}

// CheckQueue says what is wrong with a queue beyond what the contract's own validation says.
func CheckQueue(q *provisioningv1.Queue) []Problem {
	var p problems
	p.id("id", q.GetId())
	p.name(q.GetName())
	p.skills("required_skills", q.GetRequiredSkills(), maxQueueSkill)
	p.text("external_id", q.GetExternalId(), maxExternalID)
	return p
}

// CheckWholeQueue is CheckQueue and the contract's own validation, which nobody has applied to an item's queue.
func CheckWholeQueue(q *provisioningv1.Queue) []Problem {
	p := problems(CheckQueue(q))
	var invalid *protovalidate.ValidationError
	if errors.As(protovalidate.Validate(q), &invalid) {
		for _, v := range invalid.Violations {
			field := protovalidate.FieldPathString(v.Proto.GetField())
			if !p.names(field) {
				p.add(field, "%s", v.Proto.GetMessage())
			}
		}
	}
	return p
}

// names reports whether there is a problem with the field, or with what it is a part of.
func (p problems) names(field string) bool {
	return slices.ContainsFunc(p, func(one Problem) bool { return field == one.Field || strings.HasPrefix(field, one.Field+"[") })
}

func (p *problems) id(field, id string) {
	switch {
	case id == "":
		p.add(field, "is missing")
	case utf8.RuneCountInString(id) > maxID:
		p.add(field, "has %d characters, at most %d are allowed", utf8.RuneCountInString(id), maxID)
	case !idForm.MatchString(id):
		p.add(field, "%q is not an id: use letters, digits and . _ : @ + -, beginning with a letter or digit", Short(id))
	}
}

func (p *problems) name(name string) {
	if name == "" {
		p.add("name", "is missing")
		return
	}
	p.text("name", name, maxName)
}

func (p *problems) text(field, s string, longest int) {
	if n := utf8.RuneCountInString(s); n > longest {
		p.add(field, "has %d characters, at most %d are allowed", n, longest)
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		p.add(field, "%q has control characters (a line break, a tab, …)", Short(s))
	}
}

func (p *problems) skills(field string, skills []*commonv1.Skill, most int) {
	if len(skills) > most {
		p.add(field, "%d skills, at most %d are allowed", len(skills), most)
	}
	seen := map[string]bool{}
	for _, s := range skills {
		switch {
		case s.GetName() == "":
			p.add(field, "a skill has no name")
			continue
		case seen[s.GetName()]:
			p.add(field, "%q is named twice", Short(s.GetName()))
		}
		seen[s.GetName()] = true
		p.text(field, s.GetName(), maxSkillName)
		if s.GetLevel() > maxLevel {
			p.add(field, "%q has level %d, a level is 0 to %d", Short(s.GetName()), s.GetLevel(), maxLevel)
		}
	}
}

func (p *problems) queues(ids []string) {
	if len(ids) > maxQueues {
		p.add("queues", "%d queues, at most %d are allowed", len(ids), maxQueues)
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if seen[id] {
			p.add("queues", "%q is named twice", Short(id))
		}
		seen[id] = true
		p.id("queues", id)
	}
}

func (p *problems) capacity(all []*provisioningv1.Capacity) {
	seen := map[commonv1.Channel]bool{}
	for _, c := range all {
		if _, known := commonv1.Channel_name[int32(c.GetChannel())]; !known || c.GetChannel() == commonv1.Channel_CHANNEL_UNSPECIFIED {
			p.add("capacity", "channel %d is unknown", c.GetChannel())
			continue
		}
		name := ChannelName(c.GetChannel())
		if seen[c.GetChannel()] {
			p.add("capacity", "%s is named twice", name)
		}
		seen[c.GetChannel()] = true
		if c.GetContacts() > maxContacts {
			p.add("capacity", "%s=%d, at most %d contacts at a time are allowed", name, c.GetContacts(), maxContacts)
		}
	}
}

// Refuse makes one refusal of all problems, or nil if there are none.
func Refuse(record string, all []Problem) error {
	if len(all) == 0 {
		return nil
	}
	texts := make([]string, len(all))
	for i, p := range all {
		texts[i] = p.Field + " " + p.Text
	}
	return refusal.New(refusal.Invalid, "INVALID", "%s", strings.Join(texts, "; ")).
		At(record, 0, 0).To("correct it and send it again")
}

// ChannelName is the channel as people write it: voice, chat.
func ChannelName(c commonv1.Channel) string {
	return strings.ToLower(strings.TrimPrefix(c.String(), "CHANNEL_"))
}

// Short quotes no more of somebody's input than a person wants to read.
func Short(s string) string {
	const longest = 60
	if utf8.RuneCountInString(s) <= longest {
		return s
	}
	return string([]rune(s)[:longest]) + "…"
}
