// Package via is how probes that are addressed to a VIP travel to one real
// server, through the host's own TCP/IP stack.
//
// The director's host does not own the VIPs, so it can route them as any other
// address. Each real server that is asked by its VIP has a set of its own: a mark
// on the probes' sockets (socket(7), SO_MARK), a rule that sends the mark to a
// routing table (ip-rule(8)), and in that table a route to each VIP through the
// server. [Ways.Way] gives a probe the mark. The reply comes from the VIP to the
// host's own address.
//
//	priority 90: fwmark 0/0xfff00000 goto 156
//	priority 91: fwmark 0x04000000/0xfc000000 goto 93
//	priority 92: fwmark 0x00100000/0xfff00000 lookup 530001
//	priority 92: fwmark 0x00200000/0xfff00000 lookup 530002
//	priority 93: fwmark 0x04000000/0xfff00000 lookup 530064
//	priority 156: nop
//	table 530001: 192.0.2.10 via 192.0.2.21 dev eth1 onlink
//	table 530002: 192.0.2.10 via 192.0.2.22 dev eth1 onlink
//
// The kernel walks rules one by one: the first spares the rest of the host's
// traffic all of them but two, and those of priority 91 spare a probe all but the
// 64 of its block. Marks, tables and priorities that somebody else uses are left
// out. The routes lead to VIPs only, so that whatever else a marked program asks
// takes the host's other routes.
//
// A real server with a pinned MAC address may not answer ARP at all. The kernel is
// told the address by a permanent entry in its neighbour table, which all of the
// host's traffic to that server follows.
//
// A program cannot mark its sockets unless it is privileged (EPERM). It runs in a
// control group (cgroups(7), version 2) with a BPF program at
// BPF_CGROUP_INET_SOCK_CREATE that marks them.
//
// Whatever the package makes is known by [Protocol], or by the name of its control
// groups; only that is ever removed: by [Ways.Close], and by the next [Open] after a
// SIGKILL. One process at a time does this in a network namespace.
//
// The package asks nothing itself, and sets no sysctl. That the kernel may drop the
// replies (rp_filter) is for package guard to find.
package via
