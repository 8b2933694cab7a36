package ruleset

import (
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// registers are the data registers of nftables: four of 16 bytes, or the same as
// sixteen of 4.
type registers struct{ value }

const (
	registerBytes = 16
	allRegisters  = 4 * registerBytes
)

func newRegisters() registers { return registers{unknownValue(allRegisters)} }

// offset is where a register begins; those behind the last have no place.
func (registers) offset(register uint32) int {
	switch {
	case register >= unix.NFT_REG32_00:
		return int(register-unix.NFT_REG32_00) * 4
	case register >= unix.NFT_REG_1:
		return int(register-unix.NFT_REG_1) * registerBytes
	}
	return allRegisters
}

func (r registers) load(register uint32, n int) value { return r.cut(r.offset(register), n) }

// store fills up with zeros to a multiple of 4 bytes.
func (r registers) store(register uint32, v value) {
	padded := knownValue(make([]byte, (len(v.data)+3)&^3))
	padded.put(0, v)
	r.put(r.offset(register), padded)
}

// Statements by what they mean to a packet that is tried.
var (
	// neutralStatements only look, count or write elsewhere.
	neutralStatements = []string{"counter", "log", "last", "dup", "flow_offload", "secmark", "cthelper", "ctexpect", "cttimeout", "masq"}
	// takingStatements are the end of what can be followed.
	takingStatements = []string{"fwd", "queue", "tproxy", "synproxy"}
	// loadingStatements put what is not known into a register.
	loadingStatements = []string{"exthdr", "hash", "inner", "numgen", "osf", "rt", "socket", "tunnel", "xfrm"}
)

// trialOfRule is a walk through the statements of one rule.
type trialOfRule struct {
	*walk
	at      place
	handle  uint64
	jumps   int
	met     answer // whether it matches, so far
	regs    registers
	decided *outcome // its verdict
}

// rule tries one rule.
func (w *walk) rule(at place, r ruleOf, jumps int) (outcome, error) {
	t := &trialOfRule{walk: w, at: at, handle: r.handle, jumps: jumps, met: yes, regs: newRegisters()}
	for _, s := range r.statements {
		if err := t.statement(s); err != nil {
			return outcome{}, err
		}
		if t.met == no || t.decided != nil {
			break
		}
	}
	here := w.spot(at, r.handle)
	var o outcome
	if t.met != no && t.decided != nil {
		o = *t.decided
		if t.met == perhaps && !o.only(effectNone) && o.doubt == nil {
			o.doubt = &here
		}
	}
	if t.decided == nil || t.met != yes {
		o.may(effectNone, here)
	}
	return o, nil
}

// is narrows down whether the rule matches.
func (t *trialOfRule) is(a answer) { t.met = t.met.and(a) }

// ends is a verdict that needs no chain.
func (t *trialOfRule) ends(e effect) {
	t.decided = &outcome{}
	t.decided.may(e, t.spot(t.at, t.handle))
}

func (t *trialOfRule) statement(s statement) error {
	switch e := s.expr.(type) {
	case nil:
		t.named(s.name)
	case *expr.Verdict:
		o, err := t.verdict(t.at, t.handle, e, t.jumps)
		t.decided = &o
		return err
	case *expr.Lookup:
		return t.lookup(e)
	case *expr.Redir:
		t.toItself(e)
	case *expr.NAT:
		t.nat(e)
	case *expr.Target:
		t.target(e)
	case *expr.Match:
		t.is(t.match(e))
	default:
		t.compute(s)
	}
	return nil
}

// compute is for expressions that load, change or compare registers.
func (t *trialOfRule) compute(s statement) {
	switch e := s.expr.(type) {
	case *expr.Meta:
		t.metaStatement(e)
	case *expr.Ct:
		if e.Register != unix.NFT_REG_VERDICT { // else it writes
			t.regs.store(e.Register, t.conntrack(e.Key))
		}
	case *expr.Fib:
		t.regs.store(e.Register, t.fib(e))
	case *expr.Payload:
		t.payload(e)
	case *expr.Immediate:
		t.regs.store(e.Register, knownValue(e.Data))
	case *expr.Bitwise:
		t.regs.store(e.DestRegister, t.regs.load(e.SourceRegister, int(e.Len)).masked(e.Mask, e.Xor))
	case *byteOrder:
		t.swap(e)
	case *expr.Cmp:
		t.is(t.regs.load(e.Register, len(e.Data)).compare(e.Data, func(c int) bool { return holds(e.Op, c) }))
	case *expr.Range:
		v := t.regs.load(e.Register, len(e.FromData))
		a := v.within(e.FromData, e.ToData, nil)
		if e.Op == expr.CmpOpNeq {
			a = a.not()
		}
		t.is(a)
	default:
		t.named(s.name)
	}
}

// named is for statements of which the name is enough, or all that is known.
func (t *trialOfRule) named(name string) {
	switch {
	case slices.Contains(neutralStatements, name):
	case slices.Contains(takingStatements, name):
		t.ends(effectTaken)
	case name == "reject":
		t.ends(effectDrop)
	case name == "notrack":
		if t.met == yes {
			t.state = expr.CtStateBitUNTRACKED
		}
	case slices.Contains(loadingStatements, name):
		t.regs = newRegisters()
	default: // limit, quota, dynset and what comes later
		t.regs = newRegisters()
		t.is(perhaps)
	}
}

func holds(op expr.CmpOp, c int) bool {
	switch op {
	case expr.CmpOpEq:
		return c == 0
	case expr.CmpOpNeq:
		return c != 0
	case expr.CmpOpLt:
		return c < 0
	case expr.CmpOpLte:
		return c <= 0
	case expr.CmpOpGt:
		return c > 0
	case expr.CmpOpGte:
		return c >= 0
	}
	return false
}

func (t *trialOfRule) metaStatement(e *expr.Meta) {
	if !e.SourceRegister {
		family := t.family
		if t.base.family == unix.NFPROTO_NETDEV {
			family = unix.NFPROTO_NETDEV
		}
		t.regs.store(e.Register, t.meta(e.Key, family))
		return
	}
	if e.Key == expr.MetaKeyMARK {
		t.mark = t.sure(t.regs.load(e.Register, 4))
	}
}

// sure returns v, or nothing known where the rule may not match.
func (t *trialOfRule) sure(v value) value {
	if t.met != yes {
		return unknownValue(len(v.data))
	}
	return v
}

func (t *trialOfRule) payload(e *expr.Payload) {
	header := value{}
	switch e.Base {
	case expr.PayloadBaseNetworkHeader:
		header = t.network
	case expr.PayloadBaseTransportHeader:
		header = t.transport
	}
	if e.OperationType == expr.PayloadWrite {
		header.put(int(e.Offset), t.sure(t.regs.load(e.SourceRegister, int(e.Len))))
		return
	}
	t.regs.store(e.DestRegister, header.cut(int(e.Offset), int(e.Len)))
}

func (t *trialOfRule) swap(e *byteOrder) {
	v := t.regs.load(e.source, int(e.length))
	if native32(1)[0] == 1 { // else both orders are the same
		for at := 0; at+int(e.size) <= len(v.data); at += int(e.size) {
			slices.Reverse(v.data[at : at+int(e.size)])
			slices.Reverse(v.known[at : at+int(e.size)])
		}
	}
	t.regs.store(e.dest, v)
}

// lookup looks into a set, a map or a verdict map.
func (t *trialOfRule) lookup(e *expr.Lookup) error {
	s, err := t.rules.elementsOf(place{t.at.family, t.at.table, e.SetName})
	if err != nil {
		return err
	}
	if s == nil {
		t.is(perhaps)
		return nil
	}
	met, found := s.find(t.regs.load(e.SourceRegister, s.keyLen))
	switch {
	case !e.IsDestRegSet:
		if e.Invert {
			met = met.not()
		}
		t.is(met)
	case e.DestRegister != unix.NFT_REG_VERDICT:
		t.is(met)
		v := unknownValue(registerBytes)
		if met == yes && len(found) == 1 {
			v = knownValue(found[0].value)
		}
		t.regs.store(e.DestRegister, v)
	default:
		t.is(met)
		return t.verdicts(found)
	}
	return nil
}

// verdicts is for a verdict map: any of what was found may be the one.
func (t *trialOfRule) verdicts(found []element) error {
	var all outcome
	for _, e := range found {
		if e.verdict == nil {
			continue
		}
		o, err := t.verdict(t.at, t.handle, e.verdict, t.jumps)
		if err != nil {
			return err
		}
		all.add(o)
	}
	if len(found) > 1 {
		here := t.spot(t.at, t.handle)
		all.doubt = &here
	}
	if len(found) > 0 {
		t.decided = &all
	}
	return nil
}

// toItself is nftables' redirect.
func (t *trialOfRule) toItself(e *expr.Redir) {
	var port *value
	if e.RegisterProtoMin != 0 {
		v := t.regs.load(e.RegisterProtoMin, 2)
		port = &v
	}
	t.redirect(t.met, port)
	t.ends(effectAccept)
}

// nat is nftables' dnat, to where nobody follows, or snat, which does not end
// the way.
func (t *trialOfRule) nat(e *expr.NAT) {
	if e.Type == expr.NATTypeDestNAT {
		t.ends(effectTaken)
		return
	}
	t.ends(effectAccept)
}
