package path

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"lvsdr/bench"
)

const lineBytes = 64

// memory is a region as large as a connection table, mapped as that is: outside
// the heap, in huge pages where the kernel has some.
type memory struct {
	data  []byte
	lines int
	dice  dice
	at    uint64 // of the chase
	sum   uint64 // keeps the loads
}

func newMemory(bytes int) (*memory, error) {
	data, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("map %d MiB: %w", bytes>>20, err)
	}
	_ = unix.Madvise(data, unix.MADV_HUGEPAGE) // a kernel without huge pages says no
	m := &memory{data: data, lines: bytes / lineBytes, dice: 1}
	m.link()
	return m, nil
}

func (m *memory) Close() error { return unix.Munmap(m.data) }

func (m *memory) load(line uint64) uint64 { return binary.NativeEndian.Uint64(m.data[line*lineBytes:]) }

func (m *memory) store(line, v uint64) { binary.NativeEndian.PutUint64(m.data[line*lineBytes:], v) }

// link makes each line name another, in one random cycle of all (Sattolo, 1986).
func (m *memory) link() {
	for i := range uint64(m.lines) {
		m.store(i, i)
	}
	for i := uint64(m.lines) - 1; i > 0; i-- {
		j := uint64(m.dice.below(int(i)))
		a, b := m.load(i), m.load(j)
		m.store(i, b)
		m.store(j, a)
	}
}

// chase follows the cycle: each load waits for the one before.
func (m *memory) chase() int {
	at := m.at
	for range opsPerBatch {
		at = m.load(at)
	}
	m.at = at
	return opsPerBatch
}

// independent reads random lines, as many at once as the processor can.
func (m *memory) independent() int {
	d, sum := m.dice, uint64(0)
	for range opsPerBatch {
		sum += m.load(uint64(d.below(m.lines)))
	}
	m.dice = d
	m.sum += sum
	return opsPerBatch
}

// cases measure the memory beside the table of so many connections.
func (m *memory) cases(params []bench.Param, sample time.Duration) []bench.Case {
	return []bench.Case{
		timeCase(variantLines, params, sample, m.independent),
		timeCase(variantChase, params, sample, m.chase),
	}
}
