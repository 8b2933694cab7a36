// Package demo shows direct routing on a LAN that it builds for the purpose:
// a client, a director and three real servers, each in a network namespace of
// its own on this machine.
//
// It runs the real program, `director run` and `director realserver apply`, and
// asks it over the real admin socket; only the client, the web servers and the
// wires are its own. What it says it has seen: the ARP exchange and the frames
// are captured, the addresses read from the kernel, the requests counted. A
// claim that does not hold ends it with an error, so it is a test as well.
//
// Steps are step_*.go, in the order of the list in demo.go; what they draw is
// made by pure functions (topology.go, bars.go, timeline.go) and shown by a
// screen, which animates on a terminal and writes plain lines elsewhere.
//
// It needs root, and leaves nothing: no namespace, process or file.
package demo
