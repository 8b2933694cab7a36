package admin

import (
	"context"
	"fmt"
	"net"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"golang.org/x/sys/unix"
)

// peer is the process at the other end of a unix socket, as the kernel knows it
// since it connected (SO_PEERCRED, unix(7)). A peer is nobody while known is false.
type peer struct {
	net.Addr
	uid, pid uint64
	known    bool
}

func (p peer) String() string { return fmt.Sprintf("uid %d, pid %d", p.uid, p.pid) }

// peerListener notes who connects. The connections are wrapped again on their way to
// the server, so they say it as their remote address.
type peerListener struct{ net.Listener }

type peerConn struct {
	net.Conn
	peer peer
}

func (l peerListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return peerConn{conn, peerOf(conn)}, nil
}

func (c peerConn) RemoteAddr() net.Addr { return c.peer }

func peerOf(conn net.Conn) peer {
	p := peer{Addr: conn.RemoteAddr()}
	c, ok := conn.(syscall.Conn)
	if !ok {
		return p
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return p
	}
	_ = raw.Control(func(fd uintptr) { // else it stays unknown
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p.uid, p.pid, p.known = uint64(cred.Uid), uint64(cred.Pid), true
		}
	})
	return p
}

type peerKey struct{}

// withPeer gives requests the peer of their connection.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	if p, ok := conn.RemoteAddr().(peer); ok && p.known {
		return context.WithValue(ctx, peerKey{}, p)
	}
	return ctx
}

// by is who gives an order: the name of the user that the kernel knows, and in
// parentheses the one for whom that user claims to act, such as sudo's. Of that
// nothing is certain.
func by(ctx context.Context, claim string) string {
	name := "unknown"
	if p, ok := ctx.Value(peerKey{}).(peer); ok {
		name = userName(p.uid)
	}
	if claim == "" || claim == name {
		return name
	}
	return fmt.Sprintf("%s (for %s)", name, claim)
}

// userName is the name of a user of the host, or its number.
func userName(uid uint64) string {
	id := strconv.FormatUint(uid, 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "uid " + id
}

// maxClaim is more than the name of any user has, in bytes.
const maxClaim = 64

// isClaim reports whether a text may stand for a user in logs.
func isClaim(s string) bool {
	return len(s) <= maxClaim && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsPrint(r) || strings.ContainsRune(`"()`, r)
	})
}
