// Package notify tells programs and web servers of events, as keepalived's notify
// scripts are told.
//
// It owns the way out: a bounded queue for each receiver, one delivery at a time and in
// order, time limits, and retries. Who sends an event never waits: where a queue is full,
// its oldest event is dropped, counted, and told as an event of its own. What happens is
// package director's to say, and what a user may configure package config's.
package notify
