package link

// Memory is what a handle has of the process's memory, in bytes: all of it from
// when it was opened, and no more later.
type Memory struct {
	Ring    int // shared with the kernel
	Buffers int // outside the Go heap
}

// Measured is a Receiver or Sender that holds memory outside the Go heap.
type Measured interface {
	// Memory may be called from any goroutine.
	Memory() Memory
}
