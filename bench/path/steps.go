package path

import (
	"context"
	"fmt"
	"time"

	"lvsdr/bench"
	"lvsdr/conntable"
	"lvsdr/dataplane"
	"lvsdr/frame"
	"lvsdr/scheduler"
	"lvsdr/service"
)

// steps are the parts of a frame's way whose cost does not depend on how many
// connections there are. They work on one batch of frames, which lies in the
// cache as a batch does that was just received.
type steps struct {
	family   family
	frames   [dataplane.BatchSize][]byte
	packets  [dataplane.BatchSize]frame.Packet
	keys     [dataplane.BatchSize]conntable.Key
	homes    [dataplane.BatchSize]conntable.Home
	conns    [dataplane.BatchSize]conntable.Conn
	flows    [dataplane.BatchSize]scheduler.Flow
	services *service.Table
	table    *tableUnderTest
	bad      int // steps that did not find what is there
}

// newSteps makes a batch of frames to the services of a world, whose connections
// the table has.
func newSteps(f family, services *service.Table, table *tableUnderTest) *steps {
	s := &steps{family: f, services: services, table: table}
	now := table.Now()
	vip, port := f.service(0)
	for i := range s.frames {
		s.frames[i] = f.newFrame()
		f.address(s.frames[i], i, vip, port, frame.TCPAck)
		s.keys[i] = table.key(i)
		s.homes[i] = table.Home(&s.keys[i])
		s.conns[i], _ = table.Lookup(&s.keys[i], s.homes[i], now)
	}
	s.parse()
	for i := range s.flows {
		k := s.packets[i].Key
		s.flows[i] = scheduler.Flow{
			Src: k.Src.Netip(), Dst: k.Dst.Netip(), SrcPort: k.SrcPort, DstPort: k.DstPort, Protocol: k.Protocol,
		}
	}
	return s
}

func (s *steps) parse() {
	for i := range s.frames {
		if frame.Parse(s.frames[i], &s.packets[i]) != frame.OK {
			s.bad++
		}
	}
}

func (s *steps) findService() {
	for i := range s.packets {
		k := &s.packets[i].Key
		if v := s.services.VIP(k.Dst); v == nil || v.Service(k.Protocol, k.DstPort) == nil {
			s.bad++
		}
	}
}

func (s *steps) hash() {
	for i := range s.packets {
		k := &s.packets[i].Key
		s.keys[i] = conntable.NewKey(k.Src, k.SrcPort, 0, k.DstPort, k.Protocol)
		s.homes[i] = s.table.Home(&s.keys[i])
	}
}

func (s *steps) schedule() {
	svc := s.services.Services()[0]
	for i := range s.flows {
		if svc.Schedule(&s.flows[i]) == nil {
			s.bad++
		}
	}
}

func (s *steps) advance() {
	now := s.table.Now()
	for i := range s.conns {
		if _, _, ok := s.table.Advance(&s.conns[i], conntable.EventAck, s.table.timeouts, now); !ok {
			s.bad++
		}
	}
}

func (s *steps) rewrite() {
	for i := range s.frames {
		eth := frame.Ethernet(s.frames[i])
		eth.SetDst(clientMAC)
		eth.SetSrc(ownMAC)
	}
}

// cases measure each step.
func (s *steps) cases(params []bench.Param, sample time.Duration) (cases []bench.Case) {
	for _, step := range []struct {
		name  string
		batch func()
	}{
		{"parse", s.parse},
		{"find the service", s.findService},
		{"hash", s.hash},
		{"schedule", s.schedule},
		{"state and timer", s.advance},
		{"rewrite", s.rewrite},
	} {
		cases = append(cases, newCase(step.name, params, func(context.Context) (w stopwatch, err error) {
			w.during(sample, func() int { return repeat(step.batch) })
			if s.bad != 0 {
				err = fmt.Errorf("%d frames were not understood", s.bad)
			}
			return w, err
		}))
	}
	return cases
}

// repeat does a batch of frames as often as makes opsPerBatch.
func repeat(batch func()) int {
	for range opsPerBatch / dataplane.BatchSize {
		batch()
	}
	return opsPerBatch
}
