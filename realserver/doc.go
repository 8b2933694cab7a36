// Package realserver turns a host into a real server of a direct-routing
// cluster: it makes the kernel accept packets for the VIPs without ever
// telling the LAN that it has them ("the ARP problem").
//
// It owns the way there and back: [NewPlan] says what is missing, [Apply] does
// it step by step, [Check] judges the host as it is, [Undo] restores what was
// there. Before each step, what was there is written durably to
// Options.StateDir, so that Undo is exact after a crash at any point. A [Keeper]
// stays: it watches the host and applies again what somebody changed.
//
// What it changes lives in the kernel until a reboot. Options.Persist also writes a
// sysctl.d(5) file and systemd units, which do the same again before there is a
// network; these files alone say what a boot does, and Undo takes them away, also
// after one. [Foreign] names what else on the host will undo all that.
//
// It does not own the service behind the VIP, or the director. What nftables do with a
// packet is in package ruleset.
//
// A method is a recipe for the above:
//
//   - sysctl: arp_ignore and arp_announce (Linux, Documentation/networking/
//     ip-sysctl.rst) on "all" and on the LAN interfaces, then VIP/32 scope host
//     on lo. IPv6 needs no sysctl: the kernel answers neighbour solicitations
//     only for addresses of the interface that they arrive on (RFC 4861, 7.2.4),
//     so VIP/128 on lo is silent.
//   - redirect: no address at all. An nftables table of its own for each VIP sends
//     what arrives for it, or the given services, to the host itself by NAT, as
//     REDIRECT of iptables did.
//   - arptables: VIP/32 on lo or on a LAN interface, and for each an nftables table
//     of family arp that drops what asks for the VIP, and writes the server's own
//     address over the VIP where the server asks. IPv6 as with sysctl.
//   - hidden: net.ipv4.conf.*.hidden, or arp_invisible, on "all" and lo, then VIP/32 on
//     lo. Only kernels with a patch have them (hidden: Linux 2.2.14 and later, and
//     a patch of Julian Anastasov's for 2.4 and 2.6).
//
// The host's kernel is behind [Host]: [LinuxHost] is the real one, [Memory]
// is one that lives in a program's memory, for tests without privileges. Both are
// a [Watcher] too.
package realserver
