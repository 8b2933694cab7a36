// Package condition decides what becomes of a real server: whether it takes new
// connections, which part of its weight it has, and whether those that it has go
// on.
//
// It owns the states of a server (a [Machine] each), its return by slow start,
// the damping of one that comes and goes, and the quorum of a service. It asks
// nobody and tells nobody: what the checks say, what an operator ordered and the
// time come in, a decision comes out, with the moment at which to ask again. What
// a decision means for schedulers and connections is package service's; who asks,
// and what is kept over a restart, is package director's.
//
// Slow start follows HAProxy's slowstart, quorum and hysteresis keepalived's, and
// damping the idea of RFC 2439: who fails again and again waits for longer.
package condition
