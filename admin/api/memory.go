package api

// Memory is what the director's process has of the machine's memory, in bytes.
type Memory struct {
	// Resident is what the kernel says (VmRSS); 0: it was not asked.
	Resident int `json:"resident"`
	// Parts are what it should be, all of it since the start. The names are
	// "connection_table", "fragment_table", "rings", "buffers", "program",
	// "configuration", "garbage" and "runtime"; docs/operations.md explains them.
	Parts []MemoryPart `json:"parts"`
	// Collections of garbage, and objects that were allocated, since the start.
	Collections uint64 `json:"collections"`
	Allocations uint64 `json:"allocations"`
}

// MemoryPart is what one thing takes.
type MemoryPart struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
}

// Declared is the sum of the parts.
func (m *Memory) Declared() (n int) {
	for _, p := range m.Parts {
		n += p.Bytes
	}
	return n
}

// RingsPart is the part that is shared with the kernel, which counts it among files.
const RingsPart = "rings"
