package admin

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/internal/lockfile"
)

const (
	socketMode    = 0o660
	directoryMode = 0o755
	// dialTimeout is how long a director may take to accept: it is not asked
	// anything, so the kernel does it.
	dialTimeout = time.Second
)

// ErrLive is wrapped by the error of [Listen] when another process answers on
// the socket.
var ErrLive = errors.New("another director is running with this admin socket")

// socket is a listening unix socket that removes its file when it is closed,
// if the file is still its own.
type socket struct {
	net.Listener
	path  string
	file  fs.FileInfo
	once  sync.Once
	error error
}

// listenSocket makes the socket under another name, with its final mode, and
// renames it, so that there is no moment at which the wrong user may connect.
func listenSocket(path string) (*socket, error) {
	fail := func(err error) (*socket, error) {
		return nil, fmt.Errorf("listen on admin socket %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), directoryMode); err != nil {
		return fail(err)
	}
	// Another director that starts at the same moment would find the path free too.
	lock, err := lockfile.Lock(path + ".lock")
	if err != nil {
		return fail(err)
	}
	defer lockfile.Unlock(lock)
	if err := free(path); err != nil {
		return fail(err)
	}
	l, err := listenAs(path)
	if err != nil {
		return fail(err)
	}
	file, err := os.Lstat(path)
	if err != nil {
		l.Close()
		return fail(err)
	}
	return &socket{Listener: peerListener{l}, path: path, file: file}, nil
}

// listenAs listens on a new socket and gives it the path, in place of what is
// there. The name before that is short: it too must fit into
// struct sockaddr_un, which takes 107 bytes.
func listenAs(path string) (net.Listener, error) {
	temporary := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%x", os.Getpid()))
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temporary, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err = os.Chmod(temporary, socketMode); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		l.Close()
		os.Remove(temporary)
		return nil, err
	}
	return l, nil
}

// free returns an error unless nothing is at the path, or a socket that nobody
// listens on.
func free(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("there is a file of that name that is not a socket; remove it, or set admin.socket")
	}
	conn, err := net.DialTimeout("unix", path, dialTimeout)
	switch {
	case err == nil:
		conn.Close()
		return fmt.Errorf("%w; end it first, or set admin.socket", ErrLive)
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return fmt.Errorf("find out whether another director uses it: %w", err)
}

// Close stops listening and removes the file.
func (s *socket) Close() error {
	s.once.Do(func() {
		s.error = s.Listener.Close()
		now, err := os.Lstat(s.path)
		if err == nil && os.SameFile(now, s.file) {
			s.error = errors.Join(s.error, os.Remove(s.path))
		}
	})
	return s.error
}

// listenTCP returns nil for "".
func listenTCP(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve metrics and the status (admin.listen): %w", err)
	}
	return l, nil
}
