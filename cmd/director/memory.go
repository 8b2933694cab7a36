package main

import (
	"fmt"
	"log/slog"

	"lvsdr/admin/api"
	"lvsdr/internal/footprint"
)

// memory is what the process holds, and of that what the director set aside. The
// zero value does nothing.
type memory struct {
	footprint *footprint.Footprint
	aside     func() []api.MemoryPart // that the director set aside
}

// settle is called once all is open. What the process holds from then on is what
// it will hold, and one line in the log.
func (m *memory) settle(log *slog.Logger) {
	if m.footprint == nil {
		return
	}
	now := api.Memory{Parts: m.aside()}
	err := m.footprint.Settle(held(now.Parts))
	if err == nil {
		err = m.read(&now)
	}
	if err != nil {
		log.Warn("memory cannot be measured", "err", err)
		return
	}
	var line []any
	for _, part := range now.Parts {
		line = append(line, part.Name, mebibytes(part.Bytes))
	}
	log.Info("memory", append(line, "total", mebibytes(now.Declared()), "resident", mebibytes(now.Resident))...)
}

// pace has the collector follow a change of the configuration.
func (m *memory) pace() {
	if m.footprint != nil {
		m.footprint.Pace(held(m.aside()))
	}
}

// read adds what the director does not know of.
func (m *memory) read(to *api.Memory) error {
	if m.footprint == nil {
		return nil
	}
	r, err := m.footprint.Read()
	if err != nil {
		return err
	}
	to.Parts = append(to.Parts[:len(to.Parts):len(to.Parts)],
		api.MemoryPart{Name: "program", Bytes: r.Program},
		api.MemoryPart{Name: "configuration", Bytes: r.Configuration},
		api.MemoryPart{Name: "garbage", Bytes: r.Garbage},
		api.MemoryPart{Name: "runtime", Bytes: r.Runtime},
	)
	to.Resident, to.Collections, to.Allocations = r.Resident, r.Collections, r.Allocations
	return nil
}

// held is what was set aside, as the kernel counts it.
func held(parts []api.MemoryPart) (h footprint.Memory) {
	for _, p := range parts {
		if p.Name == api.RingsPart {
			h.Shared += p.Bytes
		} else {
			h.Anonymous += p.Bytes
		}
	}
	return h
}

// mebibytes is a size as people read it.
func mebibytes(n int) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
