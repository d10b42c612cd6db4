// Package config reads a service's configuration once, at the start, into a plain struct that nobody changes after.
// A key comes from its flag, else its environment variable, else the file named by --config, else its default. The
// struct is the documentation too: Describe prints it as a file that Load would read.
//
//	type Config struct {
//		Listen string        `key:"listen" default:":8080" doc:"Address to serve on."`
//		Kafka  Kafka         `key:"kafka"` // a prefix for the keys within
//		Common               // no key: its keys stand beside these
//	}
//
// So kafka.brokers is --kafka.brokers, BUSYHOUR_KAFKA_BROKERS, and brokers under kafka in the file. Keys are lower
// case. A field is a string, bool, int, uint, float64, time.Duration or []string (commas between in a flag or in the
// environment), or a type with UnmarshalText. BUSYHOUR_KAFKA_BROKERS_FILE names a file that has the value, for secrets.
package config
