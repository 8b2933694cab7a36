// Package tcp measures what real TCP connections get through a director, beside
// everything else that an operator could put in its place: connections a second,
// requests a second on connections that stay open, and the speed of an upload,
// with the offloads of network cards and without.
//
// The LAN, and the ways through it, are those of bench/lan. Real servers are nginx,
// clients wrk and iperf3, where the machine has them; what it lacks is built in,
// and each figure says by whom it was measured. Before anything is measured, each
// way carries a request and an upload, of which every byte is counted.
package tcp
