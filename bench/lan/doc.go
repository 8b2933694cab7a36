// Package lan is a LAN on which real servers answer: a client, real servers, and a
// host for each way to reach them, all on one switch.
//
//	 client          director        nft-dnat           server0         server1
//	┌───────────┐   ┌────────────┐  ┌────────────┐    ┌────────────┐  ┌────────────┐
//	│   eth0    │   │ e…   VIP 1 │  │ e…   VIP 2 │ …  │ lo: VIP 1  │  │ lo: VIP 1  │
//	└────┬──────┘   └────┬───────┘  └────┬───────┘    │    eth0    │  │    eth0    │
//	     │               │               │            └────┬───────┘  └────┬───────┘
//	┌────┴───────────────┴───────────────┴─────────────────┴───────────────┴───┐
//	│                               switch                                     │
//	└──────────────────────────────────────────────────────────────────────────┘
//
// Each [Way] has a VIP of its own, so that all are there at once and are measured
// in turns. Where a way routes directly the servers have its VIP on lo, silent in
// ARP, and answer the client past it. Where it translates addresses, the client
// comes to it from an address behind it, so that replies come back through it.
// What runs on the servers, and the client, are the caller's.
//
// A way has the machine's last processor, and everything else the others: the
// kernel receives for each host there (receive packet steering), as if the host's
// network card interrupted it. What a way sends crosses the switch on its own
// processor. With one processor only, nothing can be told apart, which a note says.
//
// A way that this machine lacks returns an error that wraps bench.ErrSkip. All is
// gone when a [LAN] is closed, or when the process ends in another way.
package lan
