package ruleset

import (
	"bytes"
	"net/netip"
)

// Host is what rules ask of the host around them, with the expression fib.
type Host struct {
	// Addresses are its own.
	Addresses []netip.Addr
	// Back says whether replies to the packet leave by the interface that it comes in
	// on, and whether that is known. nil: it is not. It is called only where a rule asks.
	Back func(Packet) (back, known bool)
}

// Passage says what becomes of a packet on a host. Its errors are those of reading a
// set.
func (rs *Ruleset) Passage(p Packet, h Host) (Passage, error) {
	w := &walk{trial: newTrial(p, h), rules: rs}
	o, err := w.through(w.hooks(p.Out))
	if err != nil {
		return Passage{}, err
	}
	at, fate := o.doubt, Unknown
	switch {
	case o.only(effectAccept):
		return Passage{}, nil
	case o.only(effectDrop):
		at, fate = o.by[effectDrop], Dropped
	case at == nil && o.can(effectTaken):
		at = o.by[effectTaken]
	case at == nil:
		at = o.by[effectDrop]
	}
	return Passage{Fate: fate, Where: at.String(), Chain: at.base.String(), To: at.to}, nil
}

// Drops says whether the packet is dropped for sure, whatever the host around the rules
// is like.
func (rs *Ruleset) Drops(p Packet) (bool, error) {
	passage, err := rs.Passage(p, Host{})
	return passage.Fate == Dropped, err
}

// Redirects says whether a packet that arrives is sent to the host itself for sure, at
// the port that it is for. What input does with it then is not asked.
func (rs *Ruleset) Redirects(p Packet) (bool, error) {
	w := &walk{trial: newTrial(p, Host{}), rules: rs}
	hooks := w.hooks(p.Out)
	o, err := w.through(hooks[:len(hooks)-1])
	return o.only(effectAccept) && w.redirected == yes && !w.moved, err
}

// RewritesSender says whether an ARP packet that leaves does so for sure, and with
// another sender address than p.From.
func (rs *Ruleset) RewritesSender(p Packet) (bool, error) {
	w := &walk{trial: newTrial(p, Host{}), rules: rs}
	o, err := w.through(w.hooks(p.Out))
	sender := w.network.cut(arpFrom, 4)
	return o.only(effectAccept) && sender.allKnown() && !bytes.Equal(sender.data, p.From.AsSlice()), err
}
