package demo

import (
	"context"
	"fmt"
)

// showLAN builds and draws the LAN and starts the real programs.
func (st *story) showLAN(ctx context.Context) error {
	if err := st.build(); err != nil {
		return err
	}
	out := st.screen
	out.lines(st.drawing())
	out.says("The VIP %v belongs to none of them: the director answers ARP for it.", vip)
	out.line("")
	printed, err := st.applyRealServers(ctx)
	if err != nil {
		return err
	}
	for i, web := range st.webs {
		out.command(web.Name(), "director realserver apply --vip "+vip.String())
		if i == 0 {
			out.output(printed)
		}
	}
	out.command(st.director.Name(), "cat director.yaml")
	out.output(st.config())
	out.command(st.director.Name(), "director run --config director.yaml &")
	return st.startDirector(ctx)
}

// drawing draws the LAN with the addresses that the hosts have.
func (st *story) drawing() []string {
	boxOf := func(m *machine, more ...string) box {
		return box{m.Name(), append([]string{m.addr.String(), m.link.MAC().String()}, more...)}
	}
	upper := []box{boxOf(st.client), boxOf(st.director)}
	var lower []box
	for _, web := range st.webs {
		lower = append(lower, boxOf(web.machine, fmt.Sprintf("lo: %v/32", vip)))
	}
	return topology(st.screen.style, upper, lower, "192.0.2.0/24")
}
