package linktest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
)

// farQueue is the room of a far socket, either way.
const farQueue = 64 << 20

// FarSocket is the far end of a cable: a simple packet socket, which has nothing
// in common with what is tested.
type FarSocket struct {
	fd  int
	buf []byte
	oob []byte
}

// OpenFarSocket opens it on an interface of the calling thread's network namespace.
func OpenFarSocket(name string) (*FarSocket, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	f := &FarSocket{fd: fd, buf: make([]byte, 1<<17), oob: make([]byte, 256)}
	for _, o := range []struct{ level, key, value int }{
		{unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1},
		{unix.SOL_PACKET, unix.PACKET_AUXDATA, 1},
		{unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1},
		{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, farQueue},
		{unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, farQueue},
	} {
		err = errors.Join(err, unix.SetsockoptInt(fd, o.level, o.key, o.value))
	}
	err = errors.Join(err, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: allProtocols(), Ifindex: i.Index}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("far socket on %s: %w", name, err), f.Close())
	}
	return f, nil
}

// allProtocols is ETH_P_ALL in network order.
func allProtocols() uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], unix.ETH_P_ALL)
	return binary.NativeEndian.Uint16(b[:])
}

// Inject writes the tag into the frame, as a host does that sends one.
func (f *FarSocket) Inject(p Packet) error {
	b := append(append([]byte{}, p.VNet[:]...), p.Data...)
	if p.TPID != 0 {
		raw := append(make([]byte, link.Headroom), p.Data...)
		fr := link.Frame{Raw: raw, TPID: p.TPID, TCI: p.TCI}
		copy(fr.VNet(), p.VNet[:])
		b = fr.PushTag()
	}
	n, err := unix.Write(f.fd, b)
	if err == nil && n != len(b) {
		err = fmt.Errorf("wrote %d of %d bytes", n, len(b))
	}
	return err
}

// Next reads one frame, and its tag out of the auxiliary data.
func (f *FarSocket) Next(ctx context.Context) (Packet, error) {
	var p Packet
	end, _ := ctx.Deadline()
	tv := unix.NsecToTimeval(time.Until(end).Nanoseconds())
	if err := unix.SetsockoptTimeval(f.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return p, err
	}
	var n, oobn int
	var err error
	for {
		n, oobn, _, _, err = unix.Recvmsg(f.fd, f.buf, f.oob, 0)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return p, fmt.Errorf("recvmsg: %w", err)
	}
	copy(p.VNet[:], f.buf)
	p.Data = append([]byte{}, f.buf[link.VNetHeaderLen:n]...)
	messages, err := unix.ParseSocketControlMessage(f.oob[:oobn])
	for _, m := range messages {
		if m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA {
			p.TPID, p.TCI = auxTag(m.Data)
		}
	}
	return p, err
}

// auxTag reads struct tpacket_auxdata: status at 0, the tag at 16.
func auxTag(b []byte) (tpid, tci uint16) {
	if binary.NativeEndian.Uint32(b)&unix.TP_STATUS_VLAN_VALID == 0 {
		return 0, 0
	}
	return binary.NativeEndian.Uint16(b[18:]), binary.NativeEndian.Uint16(b[16:])
}

// FD is the descriptor, for benchmarks that spin on it.
func (f *FarSocket) FD() int { return f.fd }

// Close frees the socket.
func (f *FarSocket) Close() error { return unix.Close(f.fd) }
