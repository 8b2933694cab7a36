package director

import (
	"net/netip"

	"lvsdr/frame"
	"lvsdr/service"
)

// restoreMACs gives servers the MAC addresses of the last run, until the
// resolver knows better.
func (d *Director) restoreMACs() {
	if d.saved == nil {
		return
	}
	_, pinned := realServers(d.config)
	d.eachServer(func(_ *service.Service, rs *service.RealServer) {
		if mac, ok := d.saved.mac(rs.Addr); ok && pinned[rs.Addr].IsZero() {
			rs.SetMAC(mac)
		}
	})
}

// macChanged takes over the address that the resolver says a server has.
func (d *Director) macChanged(addr netip.Addr, mac frame.MAC) {
	d.setMAC(addr, mac)
	d.refresh()
	d.nameServers()
	d.save()
}

func (d *Director) setMAC(addr netip.Addr, mac frame.MAC) {
	d.eachServer(func(_ *service.Service, rs *service.RealServer) {
		if rs.Addr == addr {
			rs.SetMAC(mac)
		}
	})
}

// takeMACs gives all servers the MAC addresses that are known: after a reload
// one may be new in one service and known from another.
func (d *Director) takeMACs() {
	if d.resolver != nil {
		for _, e := range d.resolver.Snapshot() {
			if e.MAC.IsUnicast() {
				d.setMAC(e.Addr, e.MAC)
			}
		}
	}
	_, pinned := realServers(d.config)
	for addr, mac := range pinned {
		d.setMAC(addr, mac)
	}
}

// nameServers tells the responder which MAC addresses are real servers', so
// that it can name one that answers for a VIP.
func (d *Director) nameServers() {
	if d.responder == nil {
		return
	}
	names := make(map[frame.MAC]string)
	d.eachServer(func(_ *service.Service, rs *service.RealServer) {
		if mac, resolved, _ := rs.Route(); resolved {
			names[mac] = rs.Addr.String()
		}
	})
	d.responder.SetRealServers(names)
}

// setAddresses tells everybody which VIPs and real servers there are.
func (d *Director) setAddresses() {
	if d.resolver != nil {
		resolve, pinned := realServers(d.config)
		d.resolver.Pin(pinned)
		d.resolver.Set(resolve)
	}
	if d.responder != nil {
		d.nameServers()
		d.responder.SetVIPs(vips(d.config))
	}
}
