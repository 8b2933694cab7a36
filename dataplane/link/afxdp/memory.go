package afxdp

import "lvsdr/dataplane/link"

// measure says what the sender holds, its fallback included.
func (s *Sender) measure() link.Memory {
	m := link.Memory{Ring: len(s.queue.mem) + len(s.done.mem), Buffers: len(s.region)}
	if f, ok := s.fallback.(link.Measured); ok {
		m.Ring += f.Memory().Ring
		m.Buffers += f.Memory().Buffers
	}
	return m
}

// Memory implements [link.Measured].
func (s *Sender) Memory() link.Memory { return s.memory }
