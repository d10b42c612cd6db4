package job

import (
	"fmt"
	"strconv"
	"strings"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

// list reads "support;sales". Blanks around and empty elements do not count.
func list(cell string) []string {
	var all []string
	for part := range strings.SplitSeq(cell, ";") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// readSkills reads "english:80;sales:50". A skill may have colons in its name: the last one counts.
func readSkills(cell string) (skills []*commonv1.Skill, problem string) {
	for _, part := range list(cell) {
		i := strings.LastIndexByte(part, ':')
		level, ok := number(part[i+1:])
		if i <= 0 || !ok {
			return nil, fmt.Sprintf("%q is not name:level, a level being 0 to 100; skills are written english:80;sales:50", directory.Short(part))
		}
		skills = append(skills, &commonv1.Skill{Name: strings.TrimSpace(part[:i]), Level: level})
	}
	return skills, ""
}

// readCapacity reads "voice=1;chat=3".
func readCapacity(cell string) (all []*provisioningv1.Capacity, problem string) {
	for _, part := range list(cell) {
		name, text, _ := strings.Cut(part, "=")
		channel, known := commonv1.Channel_value["CHANNEL_"+strings.ToUpper(strings.TrimSpace(name))]
		contacts, ok := number(text)
		if !known || channel == 0 || !ok {
			return nil, fmt.Sprintf("%q is not channel=contacts, a channel being voice or chat; capacity is written voice=1;chat=3", directory.Short(part))
		}
		all = append(all, &provisioningv1.Capacity{Channel: commonv1.Channel(channel), Contacts: contacts})
	}
	return all, ""
}

func number(text string) (uint32, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
	return uint32(n), err == nil
}
