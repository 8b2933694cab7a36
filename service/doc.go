// Package service holds what the director balances: virtual services, the
// real servers behind them, and the table by which a worker finds the service
// of a frame.
//
// A [Table] is immutable and swapped whole; a [Registry] makes one of
// definitions and keeps what must outlive a reload: the number and the live
// counters of each real server, the number of each VIP, and the state of each
// scheduler. A [RealServer] lives as long as its identity does: service,
// address and port.
//
// Workers read; one goroutine, the director's, writes. What it writes while
// frames pass (MAC, health, weight) is an atomic word, or goes through
// Scheduler.Update. The package knows no sockets, no clocks and no files.
package service
