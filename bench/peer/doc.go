// Package peer runs what an operator could put between clients and real servers:
// the director, as the program that it is, and what could take its place.
//
// A [Site] is a host of a lab and what is around it. Each way to forward has a
// function that sets the host up and returns what is then [Running]; one that the
// machine lacks returns an error that wraps bench.ErrSkip and names the remedy.
// How the host is connected, who sends and who receives, is its caller's: frames
// may go one way only (bench/wire), or be real connections (bench/lan).
package peer
