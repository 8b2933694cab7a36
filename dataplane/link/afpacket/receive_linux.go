package afpacket

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"lvsdr/dataplane/link"
)

// Receive lends what the ring holds, waiting for the first frame as the
// configuration says. See [link.Receiver].
func (r *Receiver) Receive(batch []link.Frame) (int, error) {
	if r.closed {
		return 0, link.ErrClosed
	}
	r.ring.release()
	r.copies.release()
	for len(batch) > 0 {
		if err := r.trouble(); err != nil {
			return 0, err
		}
		if n := r.collect(batch); n > 0 {
			return n, nil
		}
		if r.interrupted.Load() {
			r.takeInterrupt()
			return 0, nil
		}
		if err := r.wait(); err != nil {
			return 0, r.fail(err)
		}
	}
	return 0, nil
}

// trouble is an error that was known before the ring was looked at.
func (r *Receiver) trouble() error {
	if r.dead {
		return link.ErrGone
	}
	err := r.pending
	r.pending = nil
	return r.fail(err)
}

// fail adds the interface's name to what only an operator reads.
func (r *Receiver) fail(err error) error {
	switch err {
	case nil, link.ErrDown:
		return err
	case link.ErrGone:
		r.dead = true
		return err
	}
	return fmt.Errorf("receive from %s: %w", r.name, err)
}

// collect lends the frames that are there.
func (r *Receiver) collect(batch []link.Frame) int {
	n := 0
	var truncated uint64
	for n < len(batch) && r.ring.ready() {
		if !r.lendSlot(&batch[n]) {
			break
		}
		if batch[n].Truncated() {
			truncated++
		}
		n++
	}
	if n == 0 {
		return 0
	}
	r.sinceDry += n
	r.down = false
	r.frames.Add(uint64(n))
	if truncated > 0 {
		r.truncated.Add(truncated)
	}
	return n
}

// lendSlot fills f from the slot at the ring's head. It returns false if the
// frame must wait for the next Receive, because all copy buffers are lent.
func (r *Receiver) lendSlot(f *link.Frame) bool {
	h := r.ring.header(r.ring.head)
	status := r.ring.status(r.ring.head)
	start := r.ring.head.offset + int(h.Mac)
	end := start + int(h.Snaplen)
	f.Raw = r.ring.mem[start-link.Headroom : end : end]
	f.WireLen = int(h.Len)
	f.TCI, f.TPID = 0, 0
	if status&unix.TP_STATUS_VLAN_VALID != 0 {
		f.TCI, f.TPID = h.Vlan_tci, h.Vlan_tpid
		if status&unix.TP_STATUS_VLAN_TPID_VALID == 0 {
			f.TPID = typeVLAN
		}
	}
	if status&unix.TP_STATUS_COPY != 0 && !r.lendCopy(f) {
		return false
	}
	r.ring.lend()
	return true
}

// lendCopy replaces the start of a long frame by the whole of it, which the
// kernel queued on the socket in the order of the slots. If reading it goes
// wrong, f stays cut.
func (r *Receiver) lendCopy(f *link.Frame) bool {
	buf := r.copies.next()
	if buf == nil {
		return false
	}
	for {
		n, err := unix.Read(r.fd, buf[link.Headroom-link.VNetHeaderLen:])
		switch {
		case err == nil:
			f.Raw = buf[:link.Headroom-link.VNetHeaderLen+n]
			r.copies.lent++
			return true
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENETDOWN):
			// The socket's pending error comes before its queue: report it
			// later, the frame is still there.
			r.pending = r.lost()
		default:
			return true
		}
	}
}
