package demo

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/mdlayher/arp"

	"lvsdr/lab"
)

// showARP follows the VIP in ARP: how the director claims it, who has it as an
// address, and who answers a client.
func (st *story) showARP(ctx context.Context) error {
	for _, show := range []func(context.Context) error{st.showClaim, st.showOwners, st.showExchange} {
		if err := show(ctx); err != nil {
			return err
		}
		st.screen.pause(ctx, 500*time.Millisecond)
	}
	return nil
}

// showClaim shows the director's probes as they come, until it announces that
// the VIP is its own (RFC 5227).
func (st *story) showClaim(ctx context.Context) error {
	st.screen.says("First the director asks whether anybody has it already (RFC 5227):")
	ctx, cancel := context.WithTimeout(ctx, 12*time.Second)
	defer cancel()
	last := time.Time{}
	for {
		f, err := st.arp.WaitFor(ctx, func(f lab.Frame) bool { return f.Time.After(last) })
		if err != nil {
			return fmt.Errorf("wait for the director to claim the VIP: %w", err)
		}
		p, _ := arpOf(f) // the capture keeps nothing else
		st.showFrame(f, tellARP(p))
		switch {
		case f.Src().String() != st.director.link.MAC().String():
			return fmt.Errorf("%s says: %s", f.Src(), tellARP(p))
		case p.SenderIP == vip:
			return nil
		}
		last = f.Time
	}
}

// showOwners looks for the VIP among the hosts' addresses.
func (st *story) showOwners(context.Context) error {
	out := st.screen
	out.line("")
	out.says("Addresses, as the hosts' kernels have them:")
	for _, m := range st.machines() {
		onLink, onLo := m.link.Addrs(), m.Interface("lo").Addrs()
		line := fmt.Sprintf("%-10s eth0 %-16s lo %s", m.Name(), prefixes(onLink), prefixes(onLo))
		out.says("  %s", out.style.paint(inkOf(m.Name()), line[:10])+line[10:])
		isWeb := strings.HasPrefix(m.Name(), "web")
		if has(onLink, vip) || has(onLo, vip) != isWeb {
			return fmt.Errorf("%s has the wrong addresses: %v, lo %v", m.Name(), onLink, onLo)
		}
	}
	out.holds("nobody has it on the LAN; the real servers have it on lo, and keep silent")
	return nil
}

func prefixes(all []netip.Prefix) string {
	var texts []string
	for _, p := range all {
		texts = append(texts, p.String())
	}
	return strings.Join(texts, ", ")
}

func has(all []netip.Prefix, addr netip.Addr) bool {
	for _, p := range all {
		if p.Addr() == addr {
			return true
		}
	}
	return false
}

// showExchange makes the client ask for the VIP, and shows who answers.
func (st *story) showExchange(ctx context.Context) error {
	out := st.screen
	for _, web := range st.webs {
		if _, err := st.waitHealth(ctx, web, "up", 5*time.Second, nil); err != nil {
			return err
		}
	}
	out.line("")
	st.client.FlushNeighbors()
	st.arp.Clear()
	out.command(st.client.Name(), "curl http://"+vip.String()+"/")
	page, err := get(ctx, st.client.HTTPClient())
	if err != nil {
		return fmt.Errorf("fetch the first page: %w", err)
	}
	out.output(page)
	// Long enough for a second answer, if there is anybody who gives one.
	if err := sleep(ctx, 250*time.Millisecond); err != nil {
		return err
	}
	answers := 0
	for _, f := range st.arp.Frames() {
		p, _ := arpOf(f)
		if p.SenderIP == vip && f.Src().String() != st.director.link.MAC().String() {
			return fmt.Errorf("%s (%s) says: %s", st.named(f.Src().String()), f.Src(), tellARP(p))
		}
		if p.SenderIP == p.TargetIP {
			continue // an announcement, which nobody asked for
		}
		st.showFrame(f, tellARP(p))
		if p.Operation == arp.OperationReply {
			answers++
		}
	}
	known := st.client.Neighbor(vip)
	if answers != 1 || known.String() != st.director.link.MAC().String() {
		return fmt.Errorf("%d answers, and the client sends frames for the VIP to %v", answers, known)
	}
	out.holds("one answer: the client sends what is for %v to the director", vip)
	return nil
}

// showFrame shows where a frame went, and what it is.
func (st *story) showFrame(f lab.Frame, what string) {
	src, dst := st.named(f.Src().String()), "all"
	if f.Dst()[0]&1 == 0 {
		dst = st.named(f.Dst().String())
	}
	paint := st.screen.style.paint
	st.screen.line(fmt.Sprintf("  %s %s → %s %s  %s", paint(inkOf(src), fmt.Sprintf("%8s", src)), f.Src(),
		paint(inkOf(dst), fmt.Sprintf("%-8s", dst)), f.Dst(), what))
}

// tellARP says what an ARP packet says.
func tellARP(p arp.Packet) string {
	switch {
	case p.SenderIP == p.TargetIP, p.Operation == arp.OperationReply:
		return fmt.Sprintf("%v is at me", p.SenderIP)
	case p.SenderIP.IsUnspecified():
		return fmt.Sprintf("%v, anybody?", p.TargetIP)
	}
	return fmt.Sprintf("who has %v?", p.TargetIP)
}
