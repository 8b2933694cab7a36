// Package path measures the forward path in process, without a kernel: what each
// step of a frame's way costs, what the whole way costs, and how that grows with
// connections, services, real servers and workers. Beside it stands what the
// machine's memory takes for a region of the same size: dependent loads, and
// independent ones of random cache lines, which no table in that memory can beat.
//
// It measures through what packages export. Frames come from a wire in memory,
// package memlink; each is written anew for a random flow, so that all of a table
// is touched and not the part that fits a cache. What that costs is the figure of
// the wire alone.
package path
