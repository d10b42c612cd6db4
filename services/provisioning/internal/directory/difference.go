package directory

import (
	"fmt"
	"strconv"

	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// mostChanges of an entry are put into words; of more, only the number.
const mostChanges = 12

// Changes are what differs between two agents, or two queues, in words, in the order of their fields:
//
//	name: "Ann" → "Anna"
//	skill english: 50 → 80
//	queue +support
func Changes(before, after *Entry) []string {
	var c changes
	if after.GetQueue() != nil {
		c.queue(before.GetQueue(), after.GetQueue())
	} else {
		c.agent(before.GetAgent(), after.GetAgent())
	}
	if len(c) == 0 && !sameContent(before, after) {
		return []string{"the order of skills, queues or capacity"}
	}
	if more := len(c) - mostChanges; more > 0 {
		c = append(c[:mostChanges], fmt.Sprintf("and %d more", more))
	}
	return c
}

// changes collects.
type changes []string

func (c *changes) agent(a, b *provisioningv1.Agent) {
	c.text("name", a.GetName(), b.GetName())
	c.listed("skill", levels(a.GetSkills()), levels(b.GetSkills()))
	c.listed("queue", names(a.GetQueueIds()), names(b.GetQueueIds()))
	c.listed("capacity", contacts(a.GetCapacity()), contacts(b.GetCapacity()))
	c.text("address", a.GetAddress(), b.GetAddress())
	c.value("active", strconv.FormatBool(!a.GetDeactivated()), strconv.FormatBool(!b.GetDeactivated()))
	c.text("external_id", a.GetExternalId(), b.GetExternalId())
}

func (c *changes) queue(a, b *provisioningv1.Queue) {
	c.text("name", a.GetName(), b.GetName())
	c.value("channel", ChannelName(a.GetChannel()), ChannelName(b.GetChannel()))
	c.listed("required skill", levels(a.GetRequiredSkills()), levels(b.GetRequiredSkills()))
	c.duration("offer_timeout", a.GetOfferTimeout(), b.GetOfferTimeout())
	c.duration("wrap_up_limit", a.GetWrapUpLimit(), b.GetWrapUpLimit())
	c.duration("max_wait", a.GetMaxWait(), b.GetMaxWait())
	c.duration("service_level_target", a.GetServiceLevelTarget(), b.GetServiceLevelTarget())
	c.duration("retry_after", a.GetRetryAfter(), b.GetRetryAfter())
	c.text("external_id", a.GetExternalId(), b.GetExternalId())
}

func (c *changes) add(format string, args ...any) { *c = append(*c, fmt.Sprintf(format, args...)) }

func (c *changes) value(field, a, b string) {
	if a != b {
		c.add("%s: %s → %s", field, a, b)
	}
}

func (c *changes) text(field, a, b string) {
	short := Short
	if short(a) == short(b) { // what differs is what would be cut off
		short = func(s string) string { return s }
	}
	c.value(field, strconv.Quote(short(a)), strconv.Quote(short(b)))
}

func (c *changes) duration(field string, a, b *durationpb.Duration) {
	c.value(field, a.AsDuration().String(), b.AsDuration().String())
}

// one of a list: a name, and a number if it has one.
type one struct{ name, number string }

func (o one) String() string {
	if o.number == "" {
		return o.name
	}
	return o.name + ": " + o.number
}

// listed says what has come, changed and gone of a list.
func (c *changes) listed(what string, before, after []one) {
	had, has := numbers(before), numbers(after)
	for _, o := range after {
		if number, there := had[o.name]; !there {
			c.add("%s +%s", what, o)
		} else {
			c.value(what+" "+o.name, number, o.number)
		}
	}
	for _, o := range before {
		if _, there := has[o.name]; !there {
			c.add("%s -%s", what, o.name)
		}
	}
}

func numbers(all []one) map[string]string {
	byName := make(map[string]string, len(all))
	for _, o := range all {
		byName[o.name] = o.number
	}
	return byName
}

func levels(skills []*commonv1.Skill) (all []one) {
	for _, s := range skills {
		all = append(all, one{s.GetName(), strconv.Itoa(int(s.GetLevel()))})
	}
	return all
}

func contacts(capacity []*provisioningv1.Capacity) (all []one) {
	for _, c := range capacity {
		all = append(all, one{ChannelName(c.GetChannel()), strconv.Itoa(int(c.GetContacts()))})
	}
	return all
}

func names(ids []string) (all []one) {
	for _, id := range ids {
		all = append(all, one{name: id})
	}
	return all
}
