package wire

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"lvsdr/bench/generator"
	"lvsdr/bench/sink"
	"lvsdr/lab"
)

// kernel is a peer of which all work is done by the kernel as it receives. It
// tells nobody what it drops, and it goes with its host.
type kernel struct{}

func (kernel) threads() ([]int, error)              { return nil, nil }
func (kernel) drops(context.Context) (Drops, error) { return Drops{}, nil }
func (kernel) stop() error                          { return nil }

// startNftFwd sets up what needs no connection table: the server follows from a
// hash of the client's address and port.
func startNftFwd(ctx context.Context, g *segment) (forwarding, error) {
	return kernel{}, loadRules(ctx, g.host, fmt.Sprintf(`table netdev bench {
	chain in {
		type filter hook ingress device %q priority 0;
		ip daddr %v ether saddr set %v ether daddr set %s fwd to %q
	}
}
`, g.near, vip, net.HardwareAddr(g.farMAC[:]), byHash(g, func(server int) string {
		mac := sink.MAC(server)
		return net.HardwareAddr(mac[:]).String()
	}), g.far))
}

// startNftDNAT sets up DNAT: connection tracking, and a route to each server.
func startNftDNAT(ctx context.Context, g *segment) (forwarding, error) {
	t := g.traffic()
	if err := enoughTracking(g.host, g.site.options.Flows+t.Fresh()); err != nil {
		return nil, err
	}
	g.routes()
	err := loadRules(ctx, g.host, fmt.Sprintf(`table ip bench {
	chain in {
		type nat hook prerouting priority dstnat;
		ip daddr %v dnat to %s
	}
}
`, vip, byHash(g, func(server int) string { return realAddr(server).String() })))
	if err != nil {
		return nil, err
	}
	// A flow whose replies nobody sees must not be forgotten within a run.
	g.host.SetSysctl("net.netfilter.nf_conntrack_udp_timeout", "3600")
	return kernel{}, g.site.lab.Err()
}

// startRouter sets up a router: all frames go to the first server.
func startRouter(_ context.Context, g *segment) (forwarding, error) {
	g.routes()
	g.host.AddRoute(lab.Route{Dst: netip.PrefixFrom(vip, vip.BitLen()), Via: realAddr(0), Dev: g.far})
	return kernel{}, g.site.lab.Err()
}

// startIPVS finds out whether the kernel has IPVS, which takes its place beside
// the others where it has.
func startIPVS(ctx context.Context, g *segment) (forwarding, error) {
	err := g.host.Do(func() error {
		_, err := os.Stat("/proc/thread-self/net/ip_vs")
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, skip("this kernel has no IPVS (CONFIG_IP_VS), or its module is not loaded: modprobe ip_vs, if there is one")
	}
	if err != nil {
		return nil, err
	}
	program, err := findProgram("ipvsadm", "ipvsadm")
	if err != nil {
		return nil, err
	}
	g.routes()
	// The kernel schedules what is for this host only.
	g.host.Interface("lo").AddAddr(netip.PrefixFrom(vip, vip.BitLen()))
	if err := g.site.lab.Err(); err != nil {
		return nil, err
	}
	service := map[generator.Protocol]string{generator.TCP: "-t", generator.UDP: "-u"}[g.site.options.Protocol]
	address := netip.AddrPortFrom(vip, servicePort).String()
	calls := [][]string{{"-A", service, address, "-s", "rr"}}
	for i := range g.site.options.Servers {
		calls = append(calls, []string{"-a", service, address, "-r", realAddr(i).String(), "-g"})
	}
	for _, args := range calls {
		p := g.host.Command(ctx, program, args...)
		if err := p.Run(); err != nil {
			return nil, skip("%w", err)
		}
	}
	return kernel{}, nil
}

// routes makes the host a router between both sides, which knows where the
// servers are.
func (g *segment) routes() {
	g.host.SetSysctl("net.ipv4.ip_forward", "1")
	g.host.AddRoute(lab.Route{Dst: generator.Clients(), Dev: g.near})
	for i := range g.site.options.Servers {
		mac := sink.MAC(i)
		g.host.SetNeighbor(g.far, realAddr(i), net.HardwareAddr(mac[:]))
	}
}

// byHash is the expression that finds a server's value by the flow.
func byHash(g *segment, value func(server int) string) string {
	o := &g.site.options
	var elements []string
	for i := range o.Servers {
		elements = append(elements, fmt.Sprintf("%d : %s", i, value(i)))
	}
	return fmt.Sprintf("jhash ip saddr . %s sport mod %d seed 0x1 map { %s }",
		o.Protocol, o.Servers, strings.Join(elements, ", "))
}

// findProgram looks where programs for root are too.
func findProgram(name, debian string) (string, error) {
	for _, path := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return "", skip("%s is not installed: apt install %s", name, debian)
}

// loadRules gives the host a packet filter. Rules that this kernel or this nft do
// not know leave the peer out.
func loadRules(ctx context.Context, h *lab.Host, rules string) error {
	nft, err := findProgram("nft", "nftables")
	if err != nil {
		return err
	}
	p := h.Command(ctx, nft, "-f", "-")
	p.Stdin = strings.NewReader(rules)
	if err := p.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return skip("nft refused the rules: %w\n%s", err, p.Output())
	}
	return nil
}

// enoughTracking finds out whether the kernel can track so many connections. The
// limit is the machine's: a host of the lab cannot change it.
func enoughTracking(h *lab.Host, flows int) error {
	const setting = "/proc/sys/net/netfilter/nf_conntrack_max"
	var text []byte
	err := h.Do(func() (err error) {
		text, err = os.ReadFile(setting)
		return err
	})
	if err != nil {
		return skip("this kernel tracks no connections (CONFIG_NF_CONNTRACK): %w", err)
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%s: %w", setting, err)
	}
	if limit > 0 && limit < flows {
		return skip("the kernel tracks %d connections, %d are needed: sysctl net.netfilter.nf_conntrack_max=%d",
			limit, flows, flows)
	}
	return nil
}
