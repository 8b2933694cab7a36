package dataplane

import (
	"net/netip"
	"testing"

	"lvsdr/conntable"
	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
	"lvsdr/service"
)

// kernelLike is a harness with expire_nodest_conn 0, whose host has the VIP.
func kernelLike(t *testing.T, definitions ...service.Definition) *harness {
	t.Helper()
	settings := with(func(s *Settings) { s.ExpireNodestConn = false })
	vip := frame.AddrFrom(netip.MustParseAddr(vip4))
	return newHarnessWith(t, setting{Options: Options{Settings: settings}, owned: []frame.Addr{vip}}, definitions...)
}

// TestWithoutAnyService: IPVS looks at no packet then, so what is known of a
// connection stays as it is until there is a service again.
func TestWithoutAnyService(t *testing.T) {
	h := kernelLike(t, define(21, 22))
	server := h.to(tcp(client4, syn))
	h.to(tcp(client4, ack))
	h.use()
	for _, flags := range []uint8{ack, fin | ack, syn} {
		h.want(ReplyRST, tcp(client4, flags))
	}
	h.want(DropNoService, tcp(client4, rst))
	if v, _ := h.one(memlink.Packet{Data: message4(t, 3, 4, quote(t, client4, vip4+":80"))}); v != DropICMPUnrelated {
		t.Errorf("an ICMP error about it: %v", v)
	}
	h.use(define(21, 22))
	if got := h.state(tcp(client4, ack)); got != conntable.StateEstablished {
		t.Errorf("state %v", got)
	}
	if got := h.to(tcp(client4, ack)); got != server {
		t.Errorf("the connection went to %d, before to %d", got, server)
	}
}

// TestSYNOnAFinishedConnection of a server, or a service, that was removed: the
// client uses its port again, and is not kept waiting for what it has left.
func TestSYNOnAFinishedConnection(t *testing.T) {
	other := define(31)
	other.Name, other.Ranges[0].First, other.Ranges[0].Last = "other", 81, 81
	for name, c := range map[string]struct {
		finished bool
		left     []service.Definition
		want     Verdict
		state    conntable.State
	}{
		"server removed":             {true, []service.Definition{define(22)}, Forward, conntable.StateSynRecv},
		"service removed":            {true, []service.Definition{other}, ReplyRST, conntable.StateFree},
		"server removed, not ended":  {false, []service.Definition{define(22)}, DropServerGone, conntable.StateEstablished},
		"service removed, not ended": {false, []service.Definition{other}, DropServerGone, conntable.StateEstablished},
	} {
		t.Run(name, func(t *testing.T) {
			h := kernelLike(t, define(21), other)
			h.to(tcp(client4, syn))
			h.to(tcp(client4, ack))
			if c.finished {
				h.to(tcp(client4, rst))
			}
			h.use(c.left...)
			h.want(c.want, tcp(client4, syn))
			if got := h.state(tcp(client4, syn)); got != c.state {
				t.Errorf("state %v, want %v", got, c.state)
			}
		})
	}
}
