// Package sink counts the frames that real servers would get, for next to
// nothing, and drops them: by a BPF program on the interface (TC, XDP), with a
// counter for each real server and processor, or by nftables where there is no BPF.
//
// [Open] is for a benchmark's own network. It takes every frame; real servers are
// told apart by their Ethernet addresses, [MAC]: one interface stands for all of
// them. Frames to any other address are counted as such.
//
// [OpenMatch] is for real servers that have other work too, and operators who reach
// them by the same interface. It takes what is to one address and port, and nothing
// else. XDP does not see a VLAN tag that the card took out of a frame (rxvlan): of
// such a frame it takes what it takes of one without a tag.
package sink
