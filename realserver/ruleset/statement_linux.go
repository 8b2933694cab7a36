package ruleset

import (
	"encoding/binary"
	"strings"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// statement is one expression of a rule. What is not known has only a name.
type statement struct {
	name string
	expr any // of package expr, or *byteOrder; nil: not known
}

// byteOrder swaps the bytes of units of a register.
type byteOrder struct{ source, dest, length, size uint32 }

// Attributes that golang.org/x/sys/unix lacks (linux/netfilter/nf_tables.h).
const (
	byteOrderSource = 1 // NFTA_BYTEORDER_SREG
	byteOrderDest   = 2 // NFTA_BYTEORDER_DREG
	byteOrderLength = 4 // NFTA_BYTEORDER_LEN
	byteOrderSize   = 5 // NFTA_BYTEORDER_SIZE
)

// newExpression makes the expressions that are tried; those that only look or
// write a log need nothing but their name.
var newExpression = map[string]func() expr.Any{
	"bitwise":   func() expr.Any { return &expr.Bitwise{} },
	"cmp":       func() expr.Any { return &expr.Cmp{} },
	"ct":        func() expr.Any { return &expr.Ct{} },
	"fib":       func() expr.Any { return &expr.Fib{} },
	"immediate": func() expr.Any { return &expr.Immediate{} },
	"lookup":    func() expr.Any { return &expr.Lookup{} },
	"match":     func() expr.Any { return &expr.Match{} },
	"meta":      func() expr.Any { return &expr.Meta{} },
	"nat":       func() expr.Any { return &expr.NAT{} },
	"payload":   func() expr.Any { return &expr.Payload{} },
	"range":     func() expr.Any { return &expr.Range{} },
	"redir":     func() expr.Any { return &expr.Redir{} },
	"target":    func() expr.Any { return &expr.Target{} },
}

// readStatement reads an expression as the kernel sends it.
func readStatement(family byte, b []byte) statement {
	ad, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return statement{}
	}
	var s statement
	var data []byte
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_EXPR_NAME:
			s.name = strings.TrimRight(ad.String(), "\x00")
		case unix.NFTA_EXPR_DATA:
			data = ad.Bytes()
		}
	}
	if s.name == "byteorder" {
		s.expr = readByteOrder(data)
		return s
	}
	if make := newExpression[s.name]; make != nil {
		s.expr = unmarshal(family, data, make())
	}
	return s
}

// unmarshal returns nil for what package expr cannot read. An immediate value for
// the verdict register is a verdict.
func unmarshal(family byte, data []byte, e expr.Any) any {
	if !fill(family, data, e) {
		return nil
	}
	if i, ok := e.(*expr.Immediate); ok && i.Register == unix.NFT_REG_VERDICT {
		v := &expr.Verdict{}
		if !fill(family, data, v) {
			return nil
		}
		return v
	}
	return e
}

// fill reads data into e and says whether it could. Package expr indexes some
// attributes without a look at their length, so its panic is an answer too: a
// statement that cannot be read, which the rest of the package knows how to treat.
func fill(family byte, data []byte, e expr.Any) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return expr.Unmarshal(family, data, e) == nil
}

func readByteOrder(data []byte) any {
	ad, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return nil
	}
	ad.ByteOrder = binary.BigEndian
	b := &byteOrder{}
	for ad.Next() {
		switch ad.Type() {
		case byteOrderSource:
			b.source = ad.Uint32()
		case byteOrderDest:
			b.dest = ad.Uint32()
		case byteOrderLength:
			b.length = ad.Uint32()
		case byteOrderSize:
			b.size = ad.Uint32()
		}
	}
	if ad.Err() != nil || b.size == 0 {
		return nil
	}
	return b
}
