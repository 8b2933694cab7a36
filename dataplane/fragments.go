package dataplane

import (
	"time"

	"lvsdr/conntable"
	"lvsdr/dataplane/fragment"
	"lvsdr/dataplane/link"
	"lvsdr/frame"
	"lvsdr/service"
)

// refused is the decision about a datagram whose first fragment was not
// forwarded. All others are the number of a real server.
const refused fragment.Decision = 1 << 32

// isLaterFragment reports whether the packet has no transport header.
func isLaterFragment(p *frame.Packet) bool {
	return p.Has(frame.IsFragment) && !p.Has(frame.IsFirst)
}

// directFragment sends the first fragment of a datagram on like a whole packet,
// and those that waited for it behind it; a later one goes where the first went.
func (w *Worker) directFragment(j *job, f *link.Frame) Verdict {
	key, piece := fragment.KeyOf(&j.packet), fragment.PieceOf(&j.packet)
	if isLaterFragment(&j.packet) {
		return w.follow(j, f, &key, piece)
	}
	rs, v := w.destination(j, f)
	if v == Forward {
		v = w.deliver(j, f, rs)
	}
	decision := refused
	if v == Forward {
		decision = fragment.Decision(rs.ID)
	}
	for early := w.plane.fragments.First(&key, piece, decision, w.since()); early != nil; early = early.Next {
		if v != Forward || !w.sendEarly(early, rs) {
			w.plane.lostFragments.Add(1)
		}
	}
	return v
}

// follow directs a later fragment.
func (w *Worker) follow(j *job, f *link.Frame, key *fragment.Key, piece fragment.Piece) Verdict {
	decision, outcome := w.plane.fragments.Follow(key, piece, f, w.since())
	switch {
	case outcome == fragment.Waits:
		return HoldFragment
	case outcome != fragment.Passes:
		return DropFragmentFor(outcome)
	case decision == refused:
		return DropFragment
	}
	rs := w.table.Server(uint32(decision))
	if rs == nil || isGone(rs) {
		return DropFragment
	}
	return w.deliver(j, f, rs)
}

// sendEarly sends a fragment that has waited. Nothing is answered for it, as for
// any later fragment.
func (w *Worker) sendEarly(early *fragment.Waiting, rs *service.RealServer) bool {
	f, j := &early.Frame, &w.early
	if frame.Parse(f.Data(), &j.packet) != frame.OK || w.deliver(j, f, rs) != Forward {
		return false
	}
	w.released = append(w.released, early) // the memory must stay until it was sent
	w.tally[ExtraReleased]++
	return true
}

// since is the moment of the batch as the fragment table counts it.
func (w *Worker) since() time.Duration { return time.Duration(w.now) * conntable.Tick }

// pieces are buffers for packets that are cut to fit the egress interface: they
// must not change until the batch is flushed.
type pieces struct {
	buffers [][]byte
	frames  []*link.Frame
	used    int
}

func (p *pieces) reset() { p.used = 0 }

// next returns a frame of size bytes behind the headroom.
func (p *pieces) next(size int) *link.Frame {
	if p.used == len(p.buffers) {
		p.buffers, p.frames = append(p.buffers, nil), append(p.frames, new(link.Frame))
	}
	if n := link.Headroom + size; len(p.buffers[p.used]) < n {
		p.buffers[p.used] = make([]byte, n)
	}
	f := p.frames[p.used]
	*f = link.Frame{Raw: p.buffers[p.used]}
	p.used++
	return f
}

// sendPieces cuts a rewritten IPv4 packet into fragments that fit, and sends
// them.
func (w *Worker) sendPieces(p *frame.Packet, f *link.Frame, mtu int) {
	if !p.Has(frame.IsFragment) {
		completeChecksum(f, p)
	}
	data := f.Data()
	for from, n := 0, 0; ; {
		piece := w.pieces.next(p.Network + mtu)
		n, from = splitIPv4(piece.Data()[p.Network:], frame.IPv4(data[p.Network:p.End]), mtu, from)
		copy(piece.Data(), data[:p.Network])
		piece.Raw = piece.Raw[:link.Headroom+p.Network+n]
		piece.TCI, piece.TPID, piece.WireLen = f.TCI, f.TPID, p.Network+n
		piece.VNet().Clear()
		w.ports.Egress.Send(piece)
		if from == 0 {
			return
		}
		w.tally[ExtraPiece]++
	}
}
