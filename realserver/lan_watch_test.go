package realserver_test

import (
	"context"
	"testing"
	"time"

	mdnetlink "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"lvsdr/realserver"
)

// TestLANWatch: every kind of change that a real server rests on wakes a watcher.
func TestLANWatch(t *testing.T) {
	n := newLAN(t)
	for _, line := range []string{
		"ip addr add 192.0.2.10/32 dev lo",
		"ip addr del 192.0.2.10/32 dev lo",
		"ip -6 addr add 2001:db8::10/128 dev lo nodad",
		"ip link set eth0 mtu 1400",
		"ip link add name v0 type veth peer name v1",
		"ip link set v0 up",
		"ip link del v0",
		"ip route add default via 192.0.2.1",
		"ip -6 route add default via 2001:db8::1",
		"ip rule add from 192.0.2.10 lookup 100",
		"ip -6 rule add from 2001:db8::10 lookup 100",
		"nft add table ip t",
		"nft add chain ip t c",
		"nft add rule ip t c drop",
		"nft flush ruleset",
		"sysctl -qw net.ipv4.conf.eth0.rp_filter=1",
		"sysctl -qw net.ipv4.conf.eth0.proxy_arp=1",
		"sysctl -qw net.ipv4.ip_forward=1",
	} {
		n.wantNews(t, line)
	}
}

// wantNews begins to watch, runs the line and wants news.
func (n *lan) wantNews(t *testing.T, line string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var news <-chan struct{}
	n.do(t, func() (err error) {
		news, err = realserver.LinuxHost{}.Watch(ctx)
		return err
	})
	n.sh(t, line)
	select {
	case _, open := <-news:
		if !open {
			t.Errorf("%s: the news broke off", line)
		}
	case <-time.After(mendTimeout):
		t.Errorf("%s: no news", line)
	}
	cancel()
	for range news { // ends when all is freed
	}
}

// netconfRPFilter is NETCONFA_RP_FILTER (linux/netconf.h).
const netconfRPFilter = 3

// TestLANSilentSysctls: the kernel tells of rp_filter, not of arp_ignore and
// arp_announce, which is why they are compared.
func TestLANSilentSysctls(t *testing.T) {
	n := newLAN(t)
	n.do(t, func() error {
		conn, err := mdnetlink.Dial(unix.NETLINK_ROUTE, &mdnetlink.Config{Groups: 1<<(unix.RTNLGRP_IPV4_NETCONF-1) | 1<<(unix.RTNLGRP_IPV6_NETCONF-1)})
		if err != nil {
			return err
		}
		defer conn.Close()
		for _, leaf := range []string{"arp_ignore", "arp_announce", "rp_filter"} {
			for _, name := range []string{"all", n.serverEnd.Name()} {
				if err := (realserver.LinuxHost{}).WriteSysctl("net/ipv4/conf/"+name+"/"+leaf, "2"); err != nil {
					return err
				}
			}
		}
		// The kernel queues the message before the write returns, so the first
		// one is about the first change that it tells of.
		messages, err := conn.Receive()
		if err != nil {
			return err
		}
		const header = 4 // struct netconfmsg, padded
		attrs, err := mdnetlink.UnmarshalAttributes(messages[0].Data[header:])
		if err != nil {
			return err
		}
		for _, a := range attrs {
			if a.Type == netconfRPFilter {
				return nil
			}
		}
		t.Errorf("the first news is %+v, not of rp_filter", attrs)
		return nil
	})
}
