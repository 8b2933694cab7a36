package director

import (
	"lvsdr/admin/api"
	"lvsdr/dataplane/link"
)

// setMemory notes what is set aside outside the Go heap, for any goroutine.
func (d *Director) setMemory() {
	var links link.Memory
	if d.attached != nil {
		links = d.attached.memory()
	}
	d.memory.Store(&[]api.MemoryPart{
		{Name: "connection_table", Bytes: d.plane.Connections().Bytes},
		{Name: "fragment_table", Bytes: d.plane.Fragments().Memory},
		{Name: api.RingsPart, Bytes: links.Ring},
		{Name: "buffers", Bytes: links.Buffers},
	})
}

// memory is what the links hold.
func (a *attachment) memory() (sum link.Memory) {
	add := func(handle any) {
		if m, ok := handle.(link.Measured); ok {
			sum.Ring += m.Memory().Ring
			sum.Buffers += m.Memory().Buffers
		}
	}
	for _, rx := range a.receivers {
		add(rx)
	}
	for _, tx := range a.senders {
		add(tx)
	}
	return sum
}

// Memory returns the parts of the process's memory that the director has set aside
// outside the Go heap. Any goroutine.
func (d *Director) Memory() []api.MemoryPart { return *d.memory.Load() }
