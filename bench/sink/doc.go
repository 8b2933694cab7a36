// Package sink counts the frames that real servers would get, for next to
// nothing, and drops them: by an XDP program on the interface, with a counter for
// each real server and processor, or by nftables where the driver knows no XDP.
//
// Real servers are told apart by their Ethernet addresses, [MAC]: one interface
// stands for all of them. Frames to any other address are counted as such.
package sink
