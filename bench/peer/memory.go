package peer

import "context"

// Holder is a peer that tells what memory it holds.
type Holder interface {
	Memory(ctx context.Context) (Memory, error)
}

// Memory is what a peer's process holds.
type Memory struct {
	Resident    int    // bytes
	Declared    int    // bytes that it said at its start it would
	Collections uint64 // of garbage, since its start
}

// Memory implements [Holder].
func (d *director) Memory(ctx context.Context) (Memory, error) {
	status, err := d.client.Status(ctx)
	if err != nil {
		return Memory{}, err
	}
	m := &status.Memory
	return Memory{Resident: m.Resident, Declared: m.Declared(), Collections: m.Collections}, nil
}
