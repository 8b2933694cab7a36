package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"lvsdr/frame"
)

// findSegment reads this host's place on a segment.
func findSegment(name string) (*net.Interface, segment, error) {
	var seg segment
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return nil, seg, fmt.Errorf("interface %s: %w", name, err)
	}
	if len(ifi.HardwareAddr) != len(seg.mac) || ifi.Flags&net.FlagLoopback != 0 {
		return nil, seg, fmt.Errorf("interface %s: not Ethernet", name)
	}
	if ifi.Flags&net.FlagRunning == 0 || ifi.Flags&net.FlagUp == 0 {
		return nil, seg, fmt.Errorf("interface %s: it is down, or has no carrier: ip link set %s up", name, name)
	}
	seg.mac, seg.mtu = frame.MAC(ifi.HardwareAddr), min(ifi.MTU, 65535)
	addrs, err := ifi.Addrs()
	if err != nil {
		return nil, seg, fmt.Errorf("addresses of %s: %w", name, err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			seg.addrs = append(seg.addrs, p)
		}
	}
	if len(seg.addrs) == 0 {
		return nil, seg, fmt.Errorf("interface %s: it has no IPv4 address, so nothing could be answered: "+
			"ip addr add ADDRESS/BITS dev %s", name, name)
	}
	return ifi, seg, nil
}

// listen opens the packet socket, in the network namespace of the calling
// thread. It is bound to ETH_P_ALL, and so sits before whatever drops frames at the
// interface's ingress.
func listen(ifi *net.Interface) (*packet.Conn, error) {
	prog, err := filter()
	if err != nil {
		return nil, err
	}
	c, err := packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, &packet.Config{Filter: prog})
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%w: run it as root or with CAP_NET_RAW", err)
	}
	return c, err
}

// run moves frames between the machine and the socket until the machine is done.
func run(ctx context.Context, m *machine, c *packet.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(0, 0)) })
	defer stop()
	b := make([]byte, frame.EthernetLen+frame.VLANLen+65536)
	for {
		now := time.Now()
		frames, err := m.tick(now)
		if err != nil || m.done() {
			return err
		}
		if err := write(c, frames); err != nil {
			return err
		}
		if err := c.SetReadDeadline(m.deadline(now)); err != nil {
			return fmt.Errorf("set read deadline: %w", err)
		}
		if ctx.Err() != nil { // also when the deadline that ends a read was overwritten
			return ctx.Err()
		}
		n, _, err := c.ReadFrom(b)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
		case err != nil:
			return fmt.Errorf("receive: %w", err)
		default:
			if err := write(c, m.receive(time.Now(), b[:n])); err != nil {
				return err
			}
		}
	}
}

// write sends frames. One that the kernel has no room for is like one lost on
// the way: it is asked again.
func write(c *packet.Conn, frames [][]byte) error {
	for _, f := range frames {
		_, err := c.WriteTo(f, &packet.Addr{HardwareAddr: f[:6]})
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return fmt.Errorf("send: %w", err)
		}
	}
	return nil
}
