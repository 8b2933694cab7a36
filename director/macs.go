package director

import (
	"net/netip"
	"time"

	"lvsdr/frame"
	"lvsdr/service"
)

// restoreMACs gives the resolver the MAC addresses of the last run, which it
// believes if they can be true, until it knows better.
func (d *Director) restoreMACs() {
	if d.saved == nil {
		return
	}
	for addr, mac := range d.saved.macs() {
		d.resolver.Restore(addr, mac)
	}
}

// macsChanged takes over what the resolver says now.
func (d *Director) macsChanged() {
	d.useMACs()
	d.tellAwaiting(time.Now())
	d.nameServers()
	d.save()
}

// useMACs makes the schedulers and workers use the MAC addresses that are known.
func (d *Director) useMACs() {
	d.takeMACs()
	d.settle(time.Now())
}

// takeMACs gives all servers the MAC addresses that are known: after a reload
// one may be new in one service and known from another.
func (d *Director) takeMACs() {
	_, macs := realServers(d.config)
	absent := make(map[netip.Addr]bool)
	if d.resolver != nil {
		for _, e := range d.resolver.Snapshot() {
			_, pinned := macs[e.Addr]
			switch {
			case pinned:
			case e.MAC.IsUnicast():
				macs[e.Addr] = e.MAC
			default:
				absent[e.Addr] = e.Failed
			}
		}
	}
	d.eachServer(func(_ *service.Service, rs *service.RealServer) {
		if mac, known := macs[rs.Addr]; known {
			rs.SetMAC(mac)
		}
		rs.SetAbsent(absent[rs.Addr])
	})
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
