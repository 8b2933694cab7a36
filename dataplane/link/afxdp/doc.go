// Package afxdp sends frames through AF_XDP sockets
// (Documentation/networking/af_xdp.rst): a [Sender] copies each frame into a
// region that it shares with the kernel, and one system call sends a batch of
// them. It receives nothing and attaches no program, so nobody else's traffic is
// touched. It does not own what a frame means, nor what it cannot carry.
//
// # Choices
//
// Copy mode (XDP_COPY): the kernel makes a socket buffer of each frame, on any
// interface and with any driver. What it saves against sendmmsg is a message
// header, a check and an allocation of the socket's for each frame.
//
// A [Sender] has a second one behind it, by sendmmsg, for what AF_XDP refuses:
// frames that the kernel is still to cut into segments, and those longer than a
// standard frame. Whichever of the two has frames queued is flushed before the
// other one takes any, so frames leave in the order in which they came.
//
// A partial checksum stays partial (XDP_TXMD_FLAGS_CHECKSUM): what leaves is what
// came, and whoever needs the checksum, a network card or nobody, completes it.
//
// It takes Linux 6.17, which says after each call what it took of the queue.
//
// Chunks that the kernel gives back are used again last in, first out: under load
// a few dozen of them stay in the processor's cache.
//
// A transmit queue has one socket. A second one, of this process or of another,
// is [ErrBusy]; the kernel also takes some milliseconds to let go of a queue
// whose socket was closed, and [OpenSender] waits for that.
//
// Like afpacket, it sends past the queueing discipline and past the host's own
// packet taps.
package afxdp
