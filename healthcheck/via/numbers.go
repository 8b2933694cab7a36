package via

// What identifies the rules, routes and neighbour entries of this package, and the
// ranges that it takes them from. docs/operations.md tells operators.
const (
	// Protocol is who made a rule, a route or a neighbour entry (FRA_PROTOCOL,
	// rtm_protocol, NDA_PROTOCOL): `ip rule`, `ip route show table all proto 86`.
	Protocol = 86

	// Marks are the upper twelve bits: tailscale has bits 16 to 23 and uses 18 and
	// 19, Kubernetes 14 and 15, AWS 7, and people who choose one by hand small
	// numbers. Only Calico and Cilium reach up here, which no director runs.
	markShift = 20
	markMask  = 0xfff00000
	// MaxServers is how many real servers can have a way: as many as there are
	// marks.
	MaxServers = markMask >> markShift

	// Tables are tableBase plus the mark's number.
	tableBase = 530_000

	// The upper bits of a mark are its block, whose rules have a priority of their
	// own. A kernel that walks 2,000 rules in a row takes microseconds at each of the
	// lookups of a probe.
	blockShift = 26
	blockMask  = 0xfc000000
	blocks     = blockMask>>blockShift + 1

	// Priorities in a row: of the rule for what has no mark, of those that lead to
	// blocks, of each block, and of the end. The first that are free from here on:
	// before whatever routes by source, interface or mark (1000 and more, mostly),
	// since a probe that is led astray tells nothing of its server.
	priorities    = 2 + blocks + 1
	firstPriority = 90
	lastPriority  = 900
	priorityStep  = 10
)

// mark is what the sockets of probes to server number n carry.
func mark(n int) uint32 { return uint32(n) << markShift }

func table(n int) uint32 { return tableBase + uint32(n) }
