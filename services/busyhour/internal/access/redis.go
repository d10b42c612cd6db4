package access

import (
	"fmt"
	"io"
	"strings"
)

// Commands by what they are for. A script may call what its user may call, so those of the scripts are here too.
// The streams' scripts go by EVAL when Redis does not know them yet.
const (
	connecting = "+ping +client|setname +select +info +role +wait +time +command +cluster|slots +cluster|shards +cluster|info"
	scripting  = "+script|load"
	records    = "+hget +hmget +hset +hincrby +hdel +hgetall +type +del"
	indexes    = "+zadd +zrem +zcard +zscore +zrange +zrangebyscore +zrangebylex"
	outboxes   = "+lindex +llen +lrange +lpop +rpush"
	leases     = "+get +set +setnx +expire +pexpire"
	recovering = "+scan +unlink"
	streams    = "+eval +xadd +xdel +xack +xlen +xrange +xclaim +xautoclaim +xpending +xreadgroup +xgroup|create +xgroup|delconsumer +xinfo|consumers"
	reading    = "+hget +hmget +zcard +zscore +zrangebyscore"
)

// Rules are a service's in Redis 7 or later: all that is meant to be done to its own keys, and reading others'. EVALSHA is
// let see every key that a guard may name, for it does not say which it only reads; what a script calls is checked by the
// other rules all the same.
func (s Service) Rules() []string {
	own := []string{connecting, scripting, records, indexes, outboxes, leases, recovering}
	if s.Streams {
		own = append(own, streams)
	}
	rules := []string{"resetkeys", "resetchannels", "-@all", keys("~", s.Name)}
	rules = append(rules, strings.Fields(strings.Join(own, " "))...)
	rules = append(rules, "(+evalsha ~{*}:*)")
	for _, other := range s.Reads {
		rules = append(rules, "("+reading+" "+keys("%R~", other)+")")
	}
	return rules
}

// keys of a service, of every tenant.
func keys(how, service string) string { return how + "{*}:" + service + ":*" }

// Redis writes users as an ACL file has them, which has no place for comments. They have no password, so nobody can be them
// yet.
func Redis(w io.Writer) {
	fmt.Fprintln(w, "user default off resetpass resetkeys resetchannels -@all")
	for _, s := range Services() {
		fmt.Fprintf(w, "user %s on %s\n", s.Name, strings.Join(s.Rules(), " "))
	}
}
