// Package tlsfiles makes TLS connections by certificates that stand in files. The files are looked at for every handshake
// and read again when they have changed, so a new certificate, or another authority, needs no restart. TLS 1.2 is the
// least that is spoken.
package tlsfiles
