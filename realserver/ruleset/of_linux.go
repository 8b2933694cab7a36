package ruleset

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// Of makes a ruleset that is not in the kernel: one base chain and its rules, whose
// handles begin with 1. It says what they would do there.
func Of(c *nftables.Chain, rules ...[]expr.Any) (*Ruleset, error) {
	b := baseChain{place: place{c.Table.Family, c.Table.Name, c.Name}, hook: uint32(*c.Hooknum), kind: string(c.Type)}
	rs := &Ruleset{bases: []baseChain{b}, chains: map[place]*[]ruleOf{}, sets: map[place]*setOf{}}
	return rs, rs.putChain(b.place, rules...)
}

// putChain adds a chain. Its expressions are read as if the kernel had sent them.
func (rs *Ruleset) putChain(at place, rules ...[]expr.Any) error {
	var list []ruleOf
	for i, exprs := range rules {
		r := ruleOf{handle: uint64(i + 1)}
		for _, e := range exprs {
			b, err := expr.Marshal(byte(at.family), e)
			if err != nil {
				return err
			}
			r.statements = append(r.statements, readStatement(byte(at.family), b))
		}
		list = append(list, r)
	}
	rs.chains[at] = &list
	return nil
}
