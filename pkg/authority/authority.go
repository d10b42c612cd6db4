// Package authority makes certificates for development and for tests. Its key is kept nowhere: what it has signed can't be
// renewed, only made anew. It is no authority for production.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"time"
)

// Authority signs certificates.
type Authority struct {
	template *x509.Certificate
	key      *ecdsa.PrivateKey
	lasts    time.Duration
	// PEM is its own certificate: who has it trusts what it has signed.
	PEM []byte
}

// skew is how far the clocks of two machines may be apart.
const skew = 5 * time.Minute

// New makes an authority. It and all that it signs end after that time.
func New(name string, lasts time.Duration) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &Authority{key: key, lasts: lasts}
	a.template = a.certificate(name + " authority") // what it signs may have its name, and must not seem to have signed itself
	a.template.IsCA, a.template.BasicConstraintsValid = true, true
	a.template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, a.template, a.template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("certificate of authority %s: %w", name, err)
	}
	a.PEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a, nil
}

// certificate has no serial number: the library draws one.
func (a *Authority) certificate(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: name, Organization: []string{"busyhour"}},
		NotBefore: now.Add(-skew), NotAfter: now.Add(a.lasts),
	}
}

// Pair is a certificate and its key, in PEM.
type Pair struct{ Certificate, Key []byte }

// Issue signs a certificate of that name for hosts, names or addresses. It is good for a server and for a client.
func (a *Authority) Issue(name string, hosts ...string) (*Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := a.certificate(name)
	c.KeyUsage = x509.KeyUsageDigitalSignature
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.template, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("certificate of %s: %w", name, err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &Pair{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}, nil
}

// Write the pair into two files. Only the owner may read the key.
func (p *Pair) Write(certificate, key string) error {
	if err := os.WriteFile(key, p.Key, 0o600); err != nil {
		return err
	}
	return os.WriteFile(certificate, p.Certificate, 0o644)
}

// Good reports whether the file has a certificate that lasts for so long.
func Good(file string, lasts time.Duration) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return false
	}
	c, err := x509.ParseCertificate(block.Bytes)
	return err == nil && time.Until(c.NotAfter) > lasts
}
