package realserver

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// routeGroups are the groups of rtnetlink(7) that are listened to. NETCONF has
// the sysctls that the kernel tells of: of IPv4 forwarding, rp_filter,
// proxy_arp and a few more (devinet_conf_proc() in net/ipv4/devinet.c), not
// arp_ignore and arp_announce.
const routeGroups = 1<<(unix.RTNLGRP_LINK-1) |
	1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1) |
	1<<(unix.RTNLGRP_IPV4_ROUTE-1) | 1<<(unix.RTNLGRP_IPV6_ROUTE-1) |
	1<<(unix.RTNLGRP_IPV4_RULE-1) | 1<<(unix.RTNLGRP_IPV6_RULE-1) |
	1<<(unix.RTNLGRP_IPV4_NETCONF-1) | 1<<(unix.RTNLGRP_IPV6_NETCONF-1)

// netfilterGroups is the group of nfnetlink that tells of every nftables
// transaction.
const netfilterGroups = 1 << (unix.NFNLGRP_NFTABLES - 1)

var _ Watcher = LinuxHost{}

// Watch implements Watcher. It needs CAP_NET_ADMIN.
func (LinuxHost) Watch(ctx context.Context) (<-chan struct{}, error) {
	conns, err := subscribe()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	changed := make(chan struct{}, 1)
	var readers sync.WaitGroup
	for _, c := range conns {
		readers.Go(func() {
			defer cancel()
			listen(c, changed)
		})
	}
	go func() {
		defer cancel()
		<-ctx.Done()
		closeAll(conns)
		readers.Wait()
		close(changed)
	}()
	return changed, nil
}

// subscribe opens the sockets. A kernel without nfnetlink has no nftables either.
func subscribe() ([]*netlink.Conn, error) {
	route, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Groups: routeGroups})
	if err != nil {
		return nil, fmt.Errorf("watch rtnetlink: %w", err)
	}
	netfilter, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{Groups: netfilterGroups})
	switch {
	case errors.Is(err, unix.EPROTONOSUPPORT):
		return []*netlink.Conn{route}, nil
	case err != nil:
		return nil, errors.Join(fmt.Errorf("watch nftables: %w", err), route.Close())
	}
	return []*netlink.Conn{route, netfilter}, nil
}

// listen tells of every message until the socket is closed or broken. Lost
// messages (ENOBUFS) are a change too.
func listen(c *netlink.Conn, changed chan<- struct{}) {
	for {
		if _, err := c.Receive(); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return
		}
		tell(changed)
	}
}

func closeAll(conns []*netlink.Conn) {
	for _, c := range conns {
		_ = c.Close() // nothing was written
	}
}
