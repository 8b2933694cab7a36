package healthcheck

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// caLimit bounds what is read of a file of authorities. The host's own, with
// all of them, has a quarter of a megabyte.
const caLimit = 4 << 20

// caFiles keeps what the files of authorities say: a thousand checks with the same
// one would take seconds to read it, and hold it a thousand times.
var caFiles = struct {
	sync.Mutex
	files map[string]caFile
}{files: map[string]caFile{}}

// caFile is what a file said when it was as in info.
type caFile struct {
	info os.FileInfo
	pool *x509.CertPool
}

// same reports whether the file is still as it was.
func (c caFile) same(info os.FileInfo) bool {
	return c.pool != nil && os.SameFile(c.info, info) && c.info.Size() == info.Size() && c.info.ModTime().Equal(info.ModTime())
}

// authorities returns the certificates of a file. The pool is not to be changed.
func authorities(path string) (*x509.CertPool, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%q is not an absolute path", path)
	}
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	caFiles.Lock()
	defer caFiles.Unlock()
	if c := caFiles.files[path]; c.same(info) {
		return c.pool, nil
	}
	data, err := io.ReadAll(io.LimitReader(f, caLimit))
	if err != nil {
		return nil, err
	}
	pool, err := parseAuthorities(data)
	if err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	caFiles.files[path] = caFile{info, pool}
	return pool, nil
}

// parseAuthorities reads certificates in PEM (RFC 7468), and passes over what is
// between them.
func parseAuthorities(data []byte) (*x509.CertPool, error) {
	pool, found := x509.NewCertPool(), false
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("has a certificate that is none: %w", err)
		}
		pool.AddCert(c)
		found = true
	}
	if !found {
		return nil, errors.New("has no certificate in it")
	}
	return pool, nil
}
