// Package ruleset says what the nftables of a host do with a packet. Nothing is sent,
// and nothing is changed: it reads the rules as the kernel lists them, and tries the
// packet on them.
//
// [Read] reads the rules of this network namespace. [Ruleset.Passage] sends a [Packet]
// through the base chains that the kernel would enter with it, in their order, and
// follows rules, jumps, sets and maps. What it says is sure: of a packet it knows some
// bytes and not others, each condition is met, is not, or perhaps is, and a [Fate] is
// [Unknown] where a "perhaps" decides. So are the fates of packets that go where
// nobody can follow: to a program, or to another host.
//
// It knows the expressions of nftables (linux/netfilter/nf_tables.h), and the matches
// and targets that iptables-nft and arptables-nft make rules of (linux/netfilter/xt_*.h).
// An expression that it does not know is a "perhaps". The rules of the old iptables
// are not there to be read.
//
// It does not own what is wanted of the rules, who may read them, or routes and
// addresses: a [Host] brings those.
package ruleset
