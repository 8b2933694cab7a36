package ruleset

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// effect is what rules do with a packet.
type effect int

const (
	effectNone   effect = iota // the next rule
	effectReturn               // the chain ends
	effectAccept               // the base chain ends
	effectDrop                 // the packet ends
	effectTaken                // it goes where nobody can follow: to another host, or a program
	effects                    // how many there are
)

// spot is where something becomes of a packet.
type spot struct {
	base   place      // the base chain
	at     place      // the chain
	handle uint64     // of the rule; 0: the policy
	to     netip.Addr // the destination at that point; zero: not known
}

func (s spot) String() string {
	if s.handle == 0 {
		return s.at.String() + " policy"
	}
	return fmt.Sprintf("%v handle %d", s.at, s.handle)
}

// outcome is all that may become of a packet, each with the rule that first may
// do it. doubt is the first rule of which nobody can tell whether it matches.
type outcome struct {
	by    [effects]*spot
	doubt *spot
}

// may adds a possible effect.
func (o *outcome) may(e effect, at spot) {
	if o.by[e] == nil {
		o.by[e] = &at
	}
}

// add adds what else may happen, but what goes on by itself.
func (o *outcome) add(other outcome, but ...effect) {
	for e, at := range other.by {
		if at != nil && !slices.Contains(but, effect(e)) {
			o.may(effect(e), *at)
		}
	}
	if o.doubt == nil {
		o.doubt = other.doubt
	}
}

// can says whether an effect is possible.
func (o outcome) can(e effect) bool { return o.by[e] != nil }

// only says whether nothing else is.
func (o outcome) only(e effect) bool {
	for other, at := range o.by {
		if at != nil && effect(other) != e {
			return false
		}
	}
	return o.can(e)
}

// hook is a place in the kernel where base chains are entered.
type hook struct {
	families []nftables.TableFamily
	number   uint32
	device   bool // its chains are bound to interfaces
}

// Hook numbers of linux/netfilter.h, linux/netfilter_arp.h and, for netdev,
// linux/netfilter.h.
const (
	hookPrerouting, hookInput, hookOutput, hookPostrouting, hookINetIngress = 0, 1, 3, 4, 5
	hookARPInput, hookARPOutput                                             = 0, 1
	hookIngress, hookEgress                                                 = 0, 1
)

// hooks lists those that the packet passes, in order.
func (t *trial) hooks(out bool) []hook {
	one := func(f nftables.TableFamily) []nftables.TableFamily { return []nftables.TableFamily{f} }
	netdev := one(nftables.TableFamilyNetdev)
	if t.family == unix.NFPROTO_ARP {
		arp := one(nftables.TableFamilyARP)
		if out {
			return []hook{{arp, hookARPOutput, false}, {netdev, hookEgress, true}}
		}
		return []hook{{netdev, hookIngress, true}, {arp, hookARPInput, false}}
	}
	ip := []nftables.TableFamily{nftables.TableFamily(t.family), nftables.TableFamilyINet}
	if out {
		return []hook{{ip, hookOutput, false}, {ip, hookPostrouting, false}, {netdev, hookEgress, true}}
	}
	return []hook{
		{netdev, hookIngress, true},
		{one(nftables.TableFamilyINet), hookINetIngress, true},
		{ip, hookPrerouting, false},
		{ip, hookInput, false},
	}
}

// walk is one trial on one set of rules.
type walk struct {
	*trial
	rules *Ruleset
	base  baseChain
	tried int // rules
}

// through sends the packet through the base chains of the hooks. Accept at the end
// means that it goes on.
func (w *walk) through(hooks []hook) (outcome, error) {
	var all outcome
	for _, h := range hooks {
		for _, b := range w.rules.bases {
			if b.hook != h.number || !slices.Contains(h.families, b.family) || h.device && !w.on(b.devices) || w.skips(b) {
				continue
			}
			w.base = b
			o, err := w.baseChain()
			if err != nil {
				return all, err
			}
			all.add(o, effectAccept)
			if !o.can(effectAccept) {
				return all, nil
			}
		}
	}
	all.may(effectAccept, spot{})
	return all, nil
}

// on says whether the packet's interface may be one of the devices.
func (w *walk) on(devices []string) bool {
	for _, name := range []value{w.in, w.out} {
		for _, device := range devices {
			text, wild := strings.CutSuffix(device, wildcard)
			if !wild {
				text += "\x00"
			}
			if name.equals([]byte(text)) != no {
				return true
			}
		}
	}
	return false
}

// skips says whether the kernel does not enter the chain with this packet: NAT
// sees only what opens a connection, and only until it has decided.
func (w *walk) skips(b baseChain) bool {
	return b.kind == "nat" && (w.state != expr.CtStateBitNEW || w.redirected == yes)
}

// baseChain walks it; what comes to its end meets its policy.
func (w *walk) baseChain() (outcome, error) {
	o, err := w.chain(w.base.place, 0)
	if err != nil {
		return o, err
	}
	if o.can(effectNone) || o.can(effectReturn) {
		e := effectAccept
		if w.base.drops {
			e = effectDrop
		}
		o.may(e, w.spot(w.base.place, 0))
	}
	o.by[effectNone], o.by[effectReturn] = nil, nil
	return o, nil
}

func (w *walk) spot(at place, handle uint64) spot {
	return spot{base: w.base.place, at: at, handle: handle, to: w.destination()}
}

const (
	// maxJumps is the kernel's NFT_JUMP_STACK_SIZE.
	maxJumps = 16
	// maxTried is how many rules are tried with one packet. A chain that many may
	// jump to is tried for each of them.
	maxTried = 100_000
)

// chain tries one rule after the other.
func (w *walk) chain(at place, jumps int) (outcome, error) {
	var all outcome
	rules := w.rules.chains[at]
	if rules == nil || jumps > maxJumps {
		all.may(effectTaken, w.spot(at, 0))
		return all, nil
	}
	for _, r := range *rules {
		if w.tried++; w.tried > maxTried {
			all.may(effectTaken, w.spot(at, r.handle))
			return all, nil
		}
		o, err := w.rule(at, r, jumps)
		if err != nil {
			return all, err
		}
		all.add(o, effectNone)
		if !o.can(effectNone) {
			return all, nil
		}
	}
	all.may(effectNone, w.spot(at, 0))
	return all, nil
}

// verdict turns the verdict of a rule into what may become of the packet.
func (w *walk) verdict(at place, handle uint64, v *expr.Verdict, jumps int) (outcome, error) {
	var o outcome
	here := w.spot(at, handle)
	switch v.Kind {
	case expr.VerdictAccept:
		o.may(effectAccept, here)
	case expr.VerdictDrop:
		o.may(effectDrop, here)
	case expr.VerdictContinue:
		o.may(effectNone, here)
	case expr.VerdictReturn:
		o.may(effectReturn, here)
	case expr.VerdictJump, expr.VerdictGoto:
		sub, err := w.chain(place{at.family, at.table, v.Chain}, jumps+1)
		if err != nil {
			return o, err
		}
		after := effectNone // where the chain below ends, this one goes on
		if v.Kind == expr.VerdictGoto {
			after = effectReturn
		}
		o.add(sub, effectNone, effectReturn)
		if sub.can(effectNone) || sub.can(effectReturn) {
			o.may(after, here)
		}
	default: // to a program, or what is not known
		o.may(effectTaken, here)
	}
	return o, nil
}
