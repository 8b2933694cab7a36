package director

import (
	"net/netip"

	"lvsdr/service"
)

// lookAtRoutes asks the host again for the MTU of each route to a real server.
func (d *Director) lookAtRoutes() {
	d.mtus = nil
	d.takeMTUs()
}

// takeMTUs gives all servers what the host's routes to them say, and asks for
// those that are new.
func (d *Director) takeMTUs() {
	if d.attached == nil {
		return
	}
	before := d.mtus
	d.mtus = make(map[netip.Addr]int)
	d.eachServer(func(_ *service.Service, rs *service.RealServer) {
		mtu, known := d.mtus[rs.Addr]
		if !known {
			if mtu, known = before[rs.Addr]; !known {
				mtu = d.host.RouteMTU(d.attached.egress.Index, rs.Addr)
			}
			d.mtus[rs.Addr] = mtu
		}
		rs.SetMTU(mtu)
	})
}
