package dataplane

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"lvsdr/dataplane/link/memlink"
	"lvsdr/frame"
	"lvsdr/service"
)

// TestWorkersShareAPlane runs two workers that both see frames of every flow,
// while the table is reloaded, servers come, die and lose their MAC, time
// passes and the table is swept. In the end all frames are accounted for, and no
// server counts a connection.
func TestWorkersShareAPlane(t *testing.T) {
	frames := 40_000
	if testing.Short() {
		frames = 5_000
	}
	turn := 0 // guarded by the wire
	h := newHarnessWith(t, setting{config: memlink.Config{Steer: func(_ []byte, n int) int {
		turn++
		return turn * 7 / 3 % n
	}}}, blueprint(0)...)
	h.wire.Discard()
	workers := []*Worker{h.worker, h.newWorker()}
	var running sync.WaitGroup
	for _, w := range workers {
		running.Go(func() {
			if err := w.Run(); err != nil {
				t.Error(err)
			}
		})
	}
	director := newRestless(h)
	injected := injectFlows(t, h, &director.pause, 500) // as long as all servers are there
	done := make(chan struct{})
	running.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				director.act()
			}
		}
	})

	injected += injectFlows(t, h, &director.pause, frames)
	close(done)
	for _, w := range workers {
		w.Stop()
	}
	running.Wait()

	if got := h.plane.Counters(); got.Received() != injected {
		t.Errorf("%d frames injected, %d counted: %v", injected, got.Received(), got)
	} else if got[Forward] == 0 || got.OfKind(Forwarded)+got.OfKind(Replied) != h.wire.Sent() {
		t.Errorf("%d frames sent: %v", h.wire.Sent(), got)
	}
	for range 3 { // templates go after their connections
		h.advance(time.Hour)
	}
	if s := h.plane.Connections(); s.Connections != 0 || s.Used != 0 || s.HalfOpenUse != 0 || s.UDPUse != 0 {
		t.Errorf("the table is not empty: %+v", s)
	}
	for rs := range director.seen {
		if rs.Active() != 0 || rs.Inactive() != 0 || rs.Persistent() != 0 {
			t.Errorf("server %v of %s counts %d active, %d inactive connections, %d templates", rs.Addr, rs.Service(), rs.Active(), rs.Inactive(), rs.Persistent())
		}
	}
	t.Logf("%d servers, %d actions, %d connections", len(director.seen), director.actions, h.plane.Connections().Inserted)
}

// injectFlows injects segments of 500 clients as fast as the workers take them,
// but for pauses.
func injectFlows(t *testing.T, h *harness, pause *sync.Mutex, n int) (injected uint64) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var frames []memlink.Packet
	for _, c := range clients(250) {
		for _, flags := range []uint8{syn, ack, ack, fin | ack, rst} {
			frames = append(frames, memlink.Packet{Data: tcp(c, flags).bytes(t)})
		}
		frames = append(frames, memlink.Packet{Data: udp(c).bytes(t)})
	}
	r := rand.New(rand.NewPCG(3, 4))
	inject := func() bool {
		pause.Lock()
		defer pause.Unlock()
		return h.wire.Inject(frames[r.IntN(len(frames))])
	}
	for injected < uint64(n) {
		if inject() {
			injected++
		} else if err := h.wire.Idle(ctx); err != nil {
			t.Error(err)
			return injected
		}
	}
	if err := h.wire.Idle(ctx); err != nil {
		t.Error(err)
	}
	return injected
}

// blueprint is a configuration: which servers there are changes with i.
func blueprint(i int) []service.Definition {
	sets := [][]int{{21, 22, 23}, {22, 23}, {21, 22, 23, 24}, {21}}
	web := define(sets[i%len(sets)]...)
	if i%3 == 0 {
		web.Scheduler = "mh"
	}
	if i%2 == 0 {
		web = persistent(web, []int{32, 24, 30}[i/2%3])
	}
	if i%7 == 6 {
		return []service.Definition{web}
	}
	return []service.Definition{web, udpOf(define(sets[(i+1)%len(sets)]...))}
}

// restless is a director that never stops changing its mind.
type restless struct {
	h       *harness
	r       *rand.Rand
	seen    map[*service.RealServer]bool
	actions int
	pause   sync.Mutex // held: nothing is injected
}

func newRestless(h *harness) *restless {
	d := &restless{h: h, r: rand.New(rand.NewPCG(5, 6)), seen: map[*service.RealServer]bool{}}
	d.note()
	return d
}

func (d *restless) note() { d.h.table.Servers(func(rs *service.RealServer) { d.seen[rs] = true }) }

func (d *restless) act() {
	d.actions++
	h := d.h
	services := h.table.Services()
	s := services[d.r.IntN(len(services))]
	rs := s.Servers[d.r.IntN(len(s.Servers))]
	switch d.r.IntN(7) {
	case 0:
		h.use(blueprint(d.r.IntN(100))...)
		d.note()
	case 1:
		rs.SetHealth([]service.Health{service.Down, service.Gone}[d.r.IntN(2)])
	case 2:
		rs.SetHealth(service.Up)
	case 3:
		rs.SetMAC(frame.MAC{})
	case 4:
		rs.SetMAC(serverMAC(21))
	case 5:
		d.pass()
	case 6:
		settings := ours
		settings.ExpireNodestConn = d.r.IntN(2) == 0
		h.plane.SetSettings(settings)
	}
	s.Refresh()
	h.plane.ExpireGone()
}

// pass lets time pass: a little under load, or, between two batches of the
// workers, enough for the numbers of removed servers to be given away.
func (d *restless) pass() {
	if d.r.IntN(4) > 0 {
		d.h.advance(time.Duration(d.r.IntN(100)) * time.Millisecond)
		return
	}
	d.pause.Lock()
	defer d.pause.Unlock()
	if err := d.h.wire.Idle(d.h.Context()); err != nil {
		d.h.Error(err)
	}
	d.h.advance(time.Duration(d.r.IntN(30)) * time.Second)
}
