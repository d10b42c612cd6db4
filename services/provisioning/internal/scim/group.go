package scim

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/busyhour/busyhour/api/gen/busyhour/common/v1"
	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
	"github.com/busyhour/busyhour/services/provisioning/internal/directory"
)

// How a queue looks as a group.
//
//	id           the queue's id, made of displayName when it is created
//	externalId   external_id
//	displayName  name
//	members      the agents that serve it

// groupOf is the queue as a group, without meta.
func groupOf(q *provisioningv1.Queue, members []string, at base) object {
	g := object{"schemas": []any{groupSchema}, "id": q.GetId(), "displayName": q.GetName()}
	if q.GetExternalId() != "" {
		g["externalId"] = q.GetExternalId()
	}
	all := make([]any, len(members))
	for i, id := range members {
		all[i] = object{"value": id, "$ref": at.of(userType, id), "type": "User"}
	}
	if len(all) > 0 {
		g["members"] = all
	}
	return g
}

// queueOf is the queue as a group asks for it, and those that are to serve it; nil: whoever does. before is how it stands;
// nil: it is to be created, for voice. What a group leaves out stays, unless it is whole.
func queueOf(g object, before *provisioningv1.Queue, whole bool) (*provisioningv1.Queue, []string, error) {
	q := &provisioningv1.Queue{Channel: commonv1.Channel_CHANNEL_VOICE}
	if before != nil {
		q = proto.CloneOf(before)
	}
	r := &reading{o: g, keep: !whole}
	name, ok := get(g, "displayName").(string)
	if !ok || name == "" {
		return nil, nil, bad(invalidValue, "displayName is missing: a text is expected")
	}
	q.Name = name
	r.text("externalId", &q.ExternalId)
	if before == nil {
		q.Id = idOf(name)
	}
	members := r.members()
	return q, members, cmp.Or(r.err, checkQueue(q))
}

func checkQueue(q *provisioningv1.Queue) error {
	var texts []string
	for _, p := range directory.CheckQueue(q) {
		texts = append(texts, cmp.Or(map[string]string{"name": "displayName"}[p.Field], p.Field)+" "+p.Text)
	}
	return refuse(texts, q.GetExternalId())
}

// members are ids, each once; nil if they are left out.
func (r *reading) members() []string {
	if !r.given("members") {
		return nil
	}
	ids, seen := []string{}, map[string]bool{}
	for _, m := range r.objects(r.o, "members") {
		id, _ := get(m, "value").(string)
		switch kind := get(m, "type"); {
		case id == "":
			r.wrong("members: a value is missing")
		case !empty(kind) && !sameText(kind, "User"):
			r.wrong("members: %q is no User: groups do not nest here", short(id))
		case !seen[id]:
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

const longestID = 128

// idOf makes an id of a name: its letters and digits without accents, in small, and hyphens between.
func idOf(name string) string {
	var id strings.Builder
	for _, c := range strings.ToLower(norm.NFKD.String(name)) {
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			id.WriteRune(c)
		case norm.NFKD.PropertiesString(string(c)).CCC() != 0: // an accent
		case id.Len() > 0 && !strings.HasSuffix(id.String(), "-"):
			id.WriteByte('-')
		}
	}
	text := strings.Trim(id.String()[:min(id.Len(), longestID)], "-")
	if text == "" { // of letters that have no place in an id
		sum := sha256.Sum256([]byte(name))
		text = fmt.Sprintf("group-%s", hex.EncodeToString(sum[:6]))
	}
	return text
}
