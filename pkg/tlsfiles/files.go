package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Files are PEM files. Any may be missing; Cert and Key go together.
type Files struct {
	// CA has those who may have signed the other side's certificate.
	CA string
	// Cert is our certificate, with what leads from it to its authority; Key is its key.
	Cert, Key string
}

// Check reads the files once and says everything that is wrong with them.
func (f Files) Check() error {
	_, errCA := f.authorities()
	_, errCert := f.pair()
	return errors.Join(errCA, errCert)
}

// authorities is nil if no CA is named.
func (f Files) authorities() (*x509.CertPool, error) {
	if f.CA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, fmt.Errorf("read authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate in PEM", f.CA)
	}
	return pool, nil
}

// pair is nil if no certificate is named.
func (f Files) pair() (*tls.Certificate, error) {
	if f.Cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", f.Cert, f.Key, err)
	}
	return &pair, nil
}

// content is what the files say at one time; it is not changed.
type content struct {
	authorities *x509.CertPool
	pair        *tls.Certificate
}

func (f Files) read() (*content, error) {
	authorities, errCA := f.authorities()
	pair, errCert := f.pair()
	return &content{authorities, pair}, errors.Join(errCA, errCert)
}

// stamp tells one content of a file from the next.
type stamp struct {
	size int64
	at   time.Time
}

func (f Files) stamps() (all [3]stamp) {
	for i, name := range []string{f.CA, f.Cert, f.Key} {
		if info, err := os.Stat(name); err == nil {
			all[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return all
}

// watched are files of which the latest content is known.
type watched struct {
	files Files

	mu   sync.Mutex
	seen [3]stamp
	now  *content
}

func watch(f Files) (*watched, error) {
	seen := f.stamps()
	now, err := f.read()
	return &watched{files: f, seen: seen, now: now}, err
}

// current is what the files say. While they are gone or make no sense, as in the middle of a change, it is what they said
// before.
func (w *watched) current() *content {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.files.stamps()
	if seen == w.seen {
		return w.now
	}
	if now, err := w.files.read(); err == nil {
		w.now, w.seen = now, seen
	}
	return w.now
}

// Expiry is when our certificate ends, or false if there is none.
func (w *watched) Expiry() (time.Time, bool) {
	pair := w.current().pair
	if pair == nil || pair.Leaf == nil {
		return time.Time{}, false
	}
	return pair.Leaf.NotAfter, true
}
