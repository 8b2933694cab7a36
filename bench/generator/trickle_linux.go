package generator

// Trickle sends a load in small steps out of one interface, by AF_PACKET: for a
// thread that has something else to do in between. It belongs to one goroutine.
type Trickle struct {
	generator *packetGenerator
	dropped   uint64 // frames that the interface did not take, before the load
}

// OpenTrickle opens one in the calling thread's network namespace.
func OpenTrickle(name string, t Traffic) (*Trickle, error) {
	g, err := openPacket(name, t)
	if err != nil {
		return nil, err
	}
	return &Trickle{generator: g}, nil
}

// Begin sets out for a load, of which nothing is sent yet.
func (t *Trickle) Begin(l Load) error {
	if err := l.validate(); err != nil {
		return err
	}
	t.generator.walk.load(l)
	t.dropped = t.generator.sender.Stats().Dropped()
	return nil
}

// Step sends the frames that are due now, at most so many, 1 to 64. False: the load
// has ended.
func (t *Trickle) Step(most int) (more bool) {
	t.generator.sendDue(min(max(most, 1), batch))
	return t.generator.walk.Done == 0
}

// Sent is what has become of the load until now.
func (t *Trickle) Sent() Sent {
	g := t.generator
	return Sent{Frames: g.walk.Sent, Refused: g.sender.Stats().Dropped() - t.dropped, Time: g.elapsed()}
}

// Close frees the socket.
func (t *Trickle) Close() error { return t.generator.Close() }
