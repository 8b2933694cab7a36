package ruleset

import (
	"testing"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A verdict whose attribute ends before its code: package expr panics at it.
func TestStatementCutOff(t *testing.T) {
	verdict := func(code []byte) []byte {
		return attributes(t, func(ae *netlink.AttributeEncoder) {
			ae.String(unix.NFTA_EXPR_NAME, "immediate")
			ae.Nested(unix.NFTA_EXPR_DATA, func(ae *netlink.AttributeEncoder) error {
				ae.Bytes(unix.NFTA_IMMEDIATE_DREG, []byte{0, 0, 0, unix.NFT_REG_VERDICT})
				ae.Nested(unix.NFTA_IMMEDIATE_DATA, func(ae *netlink.AttributeEncoder) error {
					ae.Bytes(unix.NFTA_DATA_VERDICT, code)
					return nil
				})
				return nil
			})
		})
	}
	for _, c := range []struct {
		code []byte
		want bool
	}{
		{[]byte{8, 0, 1, 0, 0, 0, 0, 1}, true},
		{[]byte{4, 0, 1, 0}, false},
		{nil, false},
	} {
		s := readStatement(unix.NFPROTO_IPV4, verdict(c.code))
		if _, read := s.expr.(*expr.Verdict); s.name != "immediate" || read != c.want || s.expr != nil && !read {
			t.Errorf("a code of %v was read as %#v", c.code, s)
		}
	}
}
