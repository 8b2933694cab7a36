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
	if early := w.plane.fragments.First(&key, piece, decision, w.since()); early.Len() > 0 {
		w.sendWaiting(&early, v, rs)
	}
	return v
}

// sendWaiting sends the fragments that have waited for the first one behind it, if
// that was forwarded.
func (w *Worker) sendWaiting(early *fragment.Waiting, v Verdict, rs *service.RealServer) {
	if v != Forward {
		w.plane.lostFragments.Add(uint64(early.Len()))
		early.Drop()
		return
	}
	for early.Len() > 0 {
		w.makeRoom(2, early.Size()+longestFrame) // it may be cut to pieces
		staged := w.stage.next(early.Size())
		*staged = early.Next(staged.Raw)
		w.stage.keep()
		if !w.sendEarly(staged, rs) {
			w.plane.lostFragments.Add(1)
		}
		w.stage.release()
	}
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
func (w *Worker) sendEarly(f *link.Frame, rs *service.RealServer) bool {
	j := &w.early
	if frame.Parse(f.Data(), &j.packet) != frame.OK || w.deliver(j, f, rs) != Forward {
		return false
	}
	w.tally[ExtraReleased]++
	return true
}

// since is the moment of the batch as the fragment table counts it.
func (w *Worker) since() time.Duration { return time.Duration(w.now) * conntable.Tick }

// sendPieces cuts a rewritten IPv4 packet into fragments that fit, and sends
// them.
func (w *Worker) sendPieces(p *frame.Packet, f *link.Frame, mtu int) {
	if !p.Has(frame.IsFragment) {
		completeChecksum(f, p)
	}
	data := f.Data()
	for from, n := 0, 0; ; {
		size := link.Headroom + p.Network + mtu
		w.makeRoom(1, size)
		piece := w.stage.next(size)
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
