package guard

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"lvsdr/finding"
	"lvsdr/lab"
)

// twoArms is a director's host:
//
//	clients .1 ── front ── eth0 .2  director  eth1 .2 ── back ── server .3
//	                 192.0.2.0/24         198.51.100.0/24
type twoArms struct {
	t        *testing.T
	director *lab.Host
	in, out  *lab.Link
}

func newTwoArms(t *testing.T) *twoArms {
	t.Helper()
	l := lab.ForTest(t)
	n := &twoArms{t: t, director: l.Host("director")}
	front, back := l.Switch("front"), l.Switch("back")
	l.Connect(l.Host("client"), front, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.1/24", "2001:db8::1/64")})
	n.in = l.Connect(n.director, front, lab.LinkConfig{Addrs: lab.MustPrefixes("192.0.2.2/24", "2001:db8::2/64")})
	n.out = l.Connect(n.director, back, lab.LinkConfig{Addrs: lab.MustPrefixes("198.51.100.2/24")})
	l.Connect(l.Host("server"), back, lab.LinkConfig{Addrs: lab.MustPrefixes("198.51.100.3/24")})
	return n
}

func (n *twoArms) do(fn func() error) {
	n.t.Helper()
	if err := n.director.Do(fn); err != nil {
		n.t.Fatal(err)
	}
}

// command runs a program on the director.
func (n *twoArms) command(line string) {
	n.t.Helper()
	if err := n.director.Command(context.Background(), "sh", "-ec", line).Run(); err != nil {
		n.t.Fatalf("%s: %v", line, err)
	}
}

// finds wants exactly these kinds of findings, and returns them.
func (n *twoArms) finds(want ...finding.Kind) (wrong []finding.Result) {
	n.t.Helper()
	var findings []Finding
	n.do(func() error {
		c := Config{Interface: n.in.Name(), Egress: n.out.Name(), VIPs: []netip.Addr{vip, vip6}}
		f, err := LinuxHost{}.Read(c)
		findings = Inspect(f)
		return err
	})
	var got []finding.Kind
	for _, f := range findings {
		if f.Severity != OK {
			wrong, got = append(wrong, f.Result()), append(got, f.Kind)
		}
	}
	same := len(got) == len(want)
	for i := range want {
		same = same && got[i] == want[i]
	}
	if !same {
		n.t.Fatalf("found %v, want %v: %+v", got, want, wrong)
	}
	return wrong
}

// heals runs a finding's command and wants that nothing is wrong any more.
func (n *twoArms) heals(f finding.Result, texts ...string) {
	n.t.Helper()
	for _, text := range texts {
		if !strings.Contains(f.What, text) {
			n.t.Errorf("no %q in %q", text, f.What)
		}
	}
	n.command(f.Command)
	n.finds()
}

// TestLANFacts makes each mistake once on a real kernel, and mends it with the command
// that is named. What Linux of the lab cannot have is large receive offload.
func TestLANFacts(t *testing.T) {
	n := newTwoArms(t)
	in, out := n.in.Name(), n.out.Name()
	n.finds()

	n.director.SetSysctl("net.ipv4.conf."+out+".rp_filter", "1")
	n.heals(n.finds(finding.HostReversePath)[0], "rp_filter is 1 on "+out, "for the VIP 192.0.2.10 its route is by "+in)
	n.director.SetSysctl("net.ipv4.conf."+out+".rp_filter", "0")
	n.director.DeleteRoute(lab.Route{Dst: netip.PrefixFrom(vip, 32), Dev: out})

	n.out.SetMTU(1400)
	n.heals(n.finds(finding.HostMTU)[0], "the MTU of "+out+", 1400")

	// Entries for single addresses make the kernel answer, where it forwards.
	n.command("ip neigh add proxy 192.0.2.10 dev " + in + "; ip neigh add proxy 2001:db8::10 dev " + in)
	n.finds()
	n.director.SetSysctl("net.ipv4.conf."+in+".forwarding", "1")
	n.director.SetSysctl("net.ipv4.conf."+in+".send_redirects", "0")
	n.director.SetSysctl("net.ipv4.conf.all.send_redirects", "0")
	f := n.finds(finding.HostKernel, finding.HostKernel)
	n.command(f[1].Command)
	n.finds(finding.HostKernel)
	n.director.SetSysctl("net.ipv4.conf.all.send_redirects", "1")
	f = n.finds(finding.HostKernel, finding.HostRedirects)
	n.command(f[1].Command)
	n.director.SetSysctl("net.ipv4.conf."+in+".forwarding", "0")
	n.director.SetSysctl("net.ipv6.conf."+in+".forwarding", "1")
	n.finds()
	n.director.SetSysctl("net.ipv6.conf."+in+".proxy_ndp", "1")
	n.heals(n.finds(finding.HostKernel)[0], "proxy_ndp is on for "+in, "2001:db8::10")
}

// TestLANBridge: the ingress is a port of a bridge, whose frames pass the packet filter.
func TestLANBridge(t *testing.T) {
	n := newTwoArms(t)
	n.command("ip link add br0 type bridge; ip link set br0 up; ip link set " + n.in.Name() + " master br0")
	switches := []string{"bridge-nf-call-iptables", "bridge-nf-call-ip6tables", "bridge-nf-call-arptables"}
	for _, name := range switches {
		n.director.SetSysctl("net.bridge."+name, "0")
	}
	n.finds()
	for _, name := range switches {
		n.director.SetSysctl("net.bridge."+name, "1")
		n.heals(n.finds(finding.HostBridge)[0], "frames that cross the bridge br0 pass the packet filter: "+name)
	}
}

// TestLANEthtool reads a flag that veth has, since it has no LRO.
func TestLANEthtool(t *testing.T) {
	const txVLAN = 1 << 7 // ETH_FLAG_TXVLAN of linux/ethtool.h
	n := newTwoArms(t)
	n.do(func() error {
		flags, err := ethtoolFlags(n.in.Name())
		if err == nil && flags&txVLAN == 0 {
			t.Errorf("flags %#x", flags)
		}
		if _, err := ethtoolFlags("none"); !errors.Is(err, unix.ENODEV) {
			t.Errorf("of no interface: %v", err)
		}
		if _, err := ethtoolFlags(strings.Repeat("x", 16)); !errors.Is(err, unix.EINVAL) {
			t.Errorf("of a long name: %v", err)
		}
		return err
	})
}
