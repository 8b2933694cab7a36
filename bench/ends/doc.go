// Package ends measures a network of real machines with a real director from its
// two ends: [Send] on a machine that stands for all clients, [Receive] on each real
// server, or on some.
//
//	client's machine                director              real servers
//	┌──────────────┐           ┌─────────────────┐      ┌──────────────┐
//	│     Send     ├── frames ─┤  director run   ├──────┤   Receive    │
//	└──────────────┘   to VIP  └────────┬────────┘      └──────────────┘
//	  sent, refused            received, lost, dropped      received
//
// What is sent has an end in time, and a network and a pace of its own choice. What
// is received is taken off the interface before the host's kernel sees it, and
// nothing but that: see package sink. Neither knows of the other, and both leave
// the machine as it was.
package ends
