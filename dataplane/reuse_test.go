package dataplane

import (
	"fmt"
	"testing"

	"lvsdr/conntable"
	"lvsdr/service"
)

// weighted changes the weight of a server of the first service.
func (h *harness) weighted(d service.Definition, n, weight int) {
	h.Helper()
	for i, s := range d.Servers {
		if b := s.Addr.As4(); int(b&0xff) == n {
			d.Servers[i].Weight = weight
		}
	}
	h.use(d)
}

// TestSYNToAQuiescedServer: with expire_nodest_conn a SYN on a connection of a
// server of weight 0 is scheduled anew, whatever its state, whatever
// conn_reuse_mode says, and also where a template had sent it. Whether the template
// still leads there is expire_quiescent_template's business.
func TestSYNToAQuiescedServer(t *testing.T) {
	for _, mode := range []int{0, ReuseClosed, ReuseClosed | ReuseFinWait} {
		for _, kept := range []bool{false, true} {
			for _, template := range []bool{false, true} {
				t.Run(fmt.Sprintf("mode %d, expire %v, template %v", mode, kept, template), func(t *testing.T) {
					d := define(21, 22)
					if template {
						d = persistent(d, 0)
					}
					h := newHarness(t, d)
					h.plane.SetSettings(with(func(s *Settings) {
						s.ConnReuseMode, s.ExpireNodestConn, s.ExpireQuiescentTemplate = mode, kept, true
					}))
					first := h.to(tcp(client4, syn))
					h.to(tcp(client4, ack))
					h.weighted(d, first, 0)
					if got := h.to(tcp(client4, ack)); got != first {
						t.Errorf("an ACK went to %d, not to %d", got, first)
					}
					if got := h.to(tcp(client4, syn)); (got == first) == kept {
						t.Errorf("a SYN went to %d, the first one to %d", got, first)
					}
					if got, want := h.state(tcp(client4, syn)), map[bool]conntable.State{false: conntable.StateEstablished, true: conntable.StateSynRecv}; got != want[kept] {
						t.Errorf("state %v, want %v", got, want[kept])
					}
				})
			}
		}
	}
}

// TestSYNWithRST: on a finished connection it ends what was known, as any SYN
// does, and opens nothing.
func TestSYNWithRST(t *testing.T) {
	h := newHarness(t, define(21))
	for _, flags := range []uint8{syn, ack, syn | rst} {
		h.to(tcp(client4, flags))
	}
	if got := h.state(tcp(client4, rst)); got != conntable.StateClose {
		t.Fatalf("state %v", got)
	}
	h.want(DropNoConnection, tcp(client4, syn|rst))
	if got := h.state(tcp(client4, rst)); got != conntable.StateFree {
		t.Errorf("state %v", got)
	}
}
