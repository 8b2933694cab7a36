// Package memlink is a link in memory: a [Wire] stands for one interface, its
// [Receiver] and [Sender] are what the dataplane holds, and its other methods
// are the far end, from which a test injects frames and where it collects what
// was sent. It lets the whole director run without privileges.
//
// It keeps the promises of package link and breaks things as a real interface
// does: frames are lost while a queue is full, the interface goes down, is
// deleted and made again. It owns no clock and no goroutine: everything that
// waits, waits for an event, so it may be used within testing/synctest.
//
// Once its buffers have grown, it allocates nothing per frame, except for the
// copies that it keeps of sent frames. For benchmarks, [Wire.Loop] lends a
// fixed set of frames again and again, and [Wire.Discard] only counts what is
// sent.
package memlink
