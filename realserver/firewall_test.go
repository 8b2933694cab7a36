package realserver

import (
	"testing"

	"lvsdr/realserver/ruleset"
)

// counted is a Host that counts how often its rules are read.
type counted struct {
	Host
	passages int
}

func (c *counted) Passages(packets []ruleset.Packet) ([]ruleset.Passage, error) {
	c.passages++
	return c.Host.Passages(packets)
}

// TestRulesAreReadOnce: a ruleset may have a list of a hundred thousand addresses,
// and a Keeper looks every few seconds.
func TestRulesAreReadOnce(t *testing.T) {
	h := &counted{Host: newHost("eth1")}
	if _, err := Check(options(t, vipA, vipB, vip6), h); err != nil {
		t.Fatal(err)
	}
	if h.passages != 1 {
		t.Errorf("check reads the rules %d times", h.passages)
	}
}
