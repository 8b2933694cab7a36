// Package finding says in words what is wrong on the segment of a direct-routing
// cluster: what was seen, what it means, and which command mends it on which machine.
//
// It has the words alone, so that the doctor, which asks, and the director, which
// only listens, say the same of the same thing. A [Result] is one thing that was looked
// at; functions such as [ServerClaims] make those that more than one program
// finds. [Vendor] names a MAC address that belongs to nobody known.
package finding
