package director

import (
	"net/netip"
	"testing"

	"lvsdr/admin/api"
	"lvsdr/frame"
	"lvsdr/service"
)

// TestWeighed: a new table has the weights of orders from the start, so that no
// scheduler hears of another one in between.
func TestWeighed(t *testing.T) {
	addr := netip.MustParseAddr("192.0.2.21")
	for instead, want := range map[int]int{1: 0, 2: 1} {
		d := &Director{conditions: newConditions()}
		d.conditions.servers[serverKey("web", addr, 80)] = &serverCondition{
			weight: &api.Order{Duty: api.SetWeight, Weight: 0, Instead: instead},
		}
		got := d.weighed([]service.Definition{{Name: "web", Servers: []service.ServerDefinition{
			{Addr: frame.AddrFrom(addr), Port: 80, Weight: 1}, {Addr: frame.AddrFrom(addr.Next()), Port: 80, Weight: 1},
		}}})
		if w := got[0].Servers; w[0].Weight != want || w[1].Weight != 1 {
			t.Errorf("in place of %d: weights %d and %d", instead, w[0].Weight, w[1].Weight)
		}
	}
}
