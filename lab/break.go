package lab

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// Direction is that of frames on a link, seen from its first end.
type Direction int

// The directions.
const (
	Both     Direction = iota
	ToPeer             // sent by the first end
	FromPeer           // received by the first end
)

// Match chooses frames. All conditions that are set must hold; the zero value
// matches every frame.
type Match struct {
	Direction        Direction
	EtherType        uint16
	SrcMAC, DstMAC   net.HardwareAddr
	Src, Dst         netip.Addr // IPv4 or IPv6 header, not ARP
	Protocol         uint8      // IP protocol number
	SrcPort, DstPort uint16     // TCP, UDP or SCTP; need Protocol
	// Every takes each n-th frame of those that match, from the first on,
	// counted for each direction; 0 takes all.
	Every int
	// Percent takes so many of a hundred at random; 0 takes all.
	Percent int
}

// Fault is a link's misbehaviour. It lasts until Remove, or until one of the
// link's interfaces is deleted.
type Fault struct {
	lab   *Lab
	parts []*faultPart
}

// faultPart is a table of one chain of one rule on one interface.
type faultPart struct {
	at    *Interface
	table *nftables.Table
	chain *nftables.Chain
}

// faults numbers the tables of this process.
var faults atomic.Uint64

// Drop loses frames on the link: a capture at the sending end still sees them,
// one at the receiving end does not. Only where the peer is a host that sends
// with PACKET_QDISC_BYPASS do frames from the peer pass.
func (l *Link) Drop(m Match) *Fault {
	drop := []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}
	f := &Fault{lab: l.lab}
	if m.Direction != FromPeer {
		f.add(l.Peer, nftables.ChainHookIngress, m, drop)
	}
	if m.Direction != ToPeer {
		f.add(l.Peer, nftables.ChainHookEgress, m, drop)
	}
	return f
}

// Duplicate sends frames on the link twice, the copy first. It adds an
// nftables table to the sending end's node, and does not see what that node
// sends with PACKET_QDISC_BYPASS.
func (l *Link) Duplicate(m Match) *Fault {
	f := &Fault{lab: l.lab}
	if m.Direction != FromPeer {
		f.add(l.Interface, nftables.ChainHookEgress, m, duplicate(l.Interface))
	}
	if m.Direction != ToPeer {
		f.add(l.Peer, nftables.ChainHookEgress, m, duplicate(l.Peer))
	}
	return f
}

// add installs one part.
func (f *Fault) add(at *Interface, hook *nftables.ChainHook, m Match, then []expr.Any) {
	table := &nftables.Table{Family: nftables.TableFamilyNetdev, Name: fmt.Sprintf("lab-%d", faults.Add(1))}
	chain := &nftables.Chain{
		Name: "fault", Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook,
		Priority: nftables.ChainPriorityFilter, Device: at.name,
	}
	err := at.node.space().do(func() error {
		nft, err := nftables.New()
		if err != nil {
			return err
		}
		nft.AddTable(table)
		nft.AddChain(chain)
		nft.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: passCopies()})
		match := append(m.exprs(), &expr.Counter{})
		nft.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(match, then...)})
		return nft.Flush()
	})
	if err != nil {
		f.lab.fail(fmt.Sprintf("%s: break link", at), err)
		return
	}
	f.parts = append(f.parts, &faultPart{at: at, table: table, chain: chain})
}

// Frames returns how many frames were dropped or duplicated.
func (f *Fault) Frames() int {
	total := 0
	for _, part := range f.parts {
		f.lab.fail(fmt.Sprintf("%s: read fault", part.at), part.at.node.space().do(func() error {
			nft, err := nftables.New()
			if err != nil {
				return err
			}
			rules, err := nft.GetRules(part.table, part.chain)
			total += counted(rules)
			return err
		}))
	}
	return total
}

func counted(rules []*nftables.Rule) int {
	total := 0
	for _, rule := range rules {
		for _, e := range rule.Exprs {
			if counter, ok := e.(*expr.Counter); ok {
				total += int(counter.Packets)
			}
		}
	}
	return total
}

// Remove mends the link. Frames then fails.
func (f *Fault) Remove() {
	for _, part := range f.parts {
		f.lab.fail(fmt.Sprintf("%s: mend link", part.at), part.at.node.space().do(func() error {
			nft, err := nftables.New()
			if err != nil {
				return err
			}
			nft.DelTable(part.table)
			return nft.Flush()
		}))
	}
	f.parts = nil
}
