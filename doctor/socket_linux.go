package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"lvsdr/frame"
)

// findSegment reads this host's place on a segment.
func findSegment(name string) (*net.Interface, segment, error) {
	seg := segment{name: name}
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return nil, seg, fmt.Errorf("interface %s: no such network interface; there are %s", name, interfaceNames())
	}
	if !isEthernet(ifi) {
		return nil, seg, fmt.Errorf("interface %s: not Ethernet; there are %s", name, interfaceNames())
	}
	if ifi.Flags&net.FlagRunning == 0 || ifi.Flags&net.FlagUp == 0 {
		return nil, seg, fmt.Errorf("interface %s: it is down, or has no carrier: ip link set %s up", name, name)
	}
	seg.mac, seg.mtu = frame.MAC(ifi.HardwareAddr), min(ifi.MTU, 65535)
	_, _ = rand.Read(seg.alias[:])                 // never fails (crypto/rand)
	seg.alias[0] = seg.alias[0]&^1 | 2             // unicast, locally administered
	if seg.addrs, err = sources(ifi); err != nil { // none is possible
		return nil, seg, err
	}
	return ifi, seg, nil
}

func isEthernet(ifi *net.Interface) bool {
	return len(ifi.HardwareAddr) == len(frame.MAC{}) && ifi.Flags&net.FlagLoopback == 0
}

// interfaceNames lists what findSegment takes, for a message.
func interfaceNames() string {
	all, err := net.Interfaces()
	if err != nil {
		return "others that cannot be listed: " + err.Error()
	}
	var names []string
	for _, ifi := range all {
		if isEthernet(&ifi) {
			names = append(names, ifi.Name)
		}
	}
	return cmp.Or(strings.Join(names, ", "), "no others")
}

// sources returns an interface's addresses but for those that the kernel would not
// choose: that are being probed for, were refused, or are deprecated.
func sources(ifi *net.Interface) ([]netip.Prefix, error) {
	const unusable = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED | unix.IFA_F_DEPRECATED
	link := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: ifi.Index}}
	all, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("addresses of %s: %w", ifi.Name, err)
	}
	var prefixes []netip.Prefix
	for _, a := range all {
		addr, ok := netip.AddrFromSlice(a.IP)
		if bits, _ := a.Mask.Size(); ok && a.Flags&unusable == 0 {
			prefixes = append(prefixes, netip.PrefixFrom(addr.Unmap(), bits))
		}
	}
	return prefixes, nil
}

// listen opens the packet socket, in the network namespace of the calling
// thread. It is bound to ETH_P_ALL, and so sits before whatever drops frames at the
// interface's ingress. While it is open, the interface takes frames to the alias and to
// all groups.
func listen(ifi *net.Interface, alias frame.MAC) (*packet.Conn, error) {
	prog, err := filter(alias)
	if err != nil {
		return nil, err
	}
	c, err := packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, &packet.Config{Filter: prog})
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%w: run it as root or with CAP_NET_RAW", err)
	}
	if err != nil {
		return nil, err
	}
	unicast := unix.PacketMreq{Ifindex: int32(ifi.Index), Type: unix.PACKET_MR_UNICAST, Alen: uint16(len(alias))}
	copy(unicast.Address[:], alias[:])
	groups := unix.PacketMreq{Ifindex: int32(ifi.Index), Type: unix.PACKET_MR_ALLMULTI}
	if err := errors.Join(join(c, &unicast), join(c, &groups)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func join(c *packet.Conn, m *unix.PacketMreq) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptPacketMreq(int(fd), unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, m)
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("join group: %w", err)
	}
	return nil
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
