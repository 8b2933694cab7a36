package healthcheck

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// segmentOf finds the interface behind which an address is, by the host's routes:
// whoever checks a server by ARP wants what frames to it will take.
func segmentOf(addr netip.Addr) (*segment, error) {
	routes, err := netlink.RouteGetWithOptions(addr.WithZone("").AsSlice(), &netlink.RouteGetOptions{Oif: addr.Zone()})
	if err != nil {
		return nil, fmt.Errorf("no route to %s: %w", addr, err)
	}
	if len(routes) == 0 {
		return nil, fmt.Errorf("no route to %s", addr)
	}
	r := routes[0]
	if r.Gw != nil {
		return nil, fmt.Errorf("%s is behind the router %s: ask it in another way", addr, r.Gw)
	}
	link, err := net.InterfaceByIndex(r.LinkIndex)
	if err != nil {
		return nil, fmt.Errorf("interface to %s: %w", addr, err)
	}
	if len(link.HardwareAddr) != 6 {
		return nil, fmt.Errorf("%s is behind %s, which is not an Ethernet: ask it in another way", addr, link.Name)
	}
	source, ok := netip.AddrFromSlice(r.Src)
	if !ok {
		return nil, fmt.Errorf("no address on %s to ask for %s from", link.Name, addr)
	}
	return &segment{link: link, source: source.Unmap()}, nil
}

// exchange is what is sent, where to, and what is waited for.
type exchange struct {
	protocol int // of Ethernet
	question []byte
	to       net.HardwareAddr
	filter   []bpf.RawInstruction
	answer   func(packet []byte, addr netip.Addr) net.HardwareAddr
}

func (s *segment) exchange(addr netip.Addr) (exchange, error) {
	if addr.Is6() {
		question, to := s.solicitation(addr)
		return exchange{unix.ETH_P_IPV6, question, to, onlyAdvertisements, s.advertisement}, nil
	}
	question, err := s.arpQuestion(addr)
	return exchange{unix.ETH_P_ARP, question, ethernet.Broadcast, onlyReplies, s.arpAnswer}, err
}

// resolve asks for an address once, and waits for the answer.
func (s *segment) resolve(ctx context.Context, addr netip.Addr) (net.HardwareAddr, error) {
	x, err := s.exchange(addr)
	if err != nil {
		return nil, err
	}
	conn, err := packet.Listen(s.link, packet.Datagram, x.protocol, &packet.Config{Filter: x.filter})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.WriteTo(x.question, &packet.Addr{HardwareAddr: x.to}); err != nil {
		return nil, err
	}
	buffer := make([]byte, 2048)
	for {
		n, _, err := conn.ReadFrom(buffer)
		if err != nil {
			return nil, err
		}
		if mac := x.answer(buffer[:n], addr.WithZone("")); mac != nil {
			return mac, nil
		}
	}
}

// Filters of a packet socket, which get the packet from its network header on.
var (
	onlyReplies = assemble(
		bpf.LoadAbsolute{Off: 6, Size: 2}, // ARP's operation
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(arp.OperationReply), SkipFalse: 1},
		bpf.RetConstant{Val: 2048},
		bpf.RetConstant{Val: 0},
	)
	onlyAdvertisements = assemble(
		bpf.LoadAbsolute{Off: 6, Size: 1}, // IPv6's next header
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: protocolICMPv6, SkipFalse: 3},
		bpf.LoadAbsolute{Off: ipv6Header, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: neighborAdvert, SkipFalse: 1},
		bpf.RetConstant{Val: 2048},
		bpf.RetConstant{Val: 0},
	)
)

func assemble(program ...bpf.Instruction) []bpf.RawInstruction {
	raw, err := bpf.Assemble(program)
	if err != nil {
		panic(err) // the programs above are constants
	}
	return raw
}
