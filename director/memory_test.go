package director_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin/api"
)

// TestMemory: a director says what its tables take; links in memory take nothing
// that is known.
func TestMemory(t *testing.T) {
	within(t, func(r *rig) {
		r.start()
		s := r.status()
		want := []api.MemoryPart{
			{Name: "connection_table", Bytes: s.Connections.Bytes},
			{Name: "fragment_table", Bytes: 28_000_000},
			{Name: api.RingsPart},
			{Name: "buffers"},
		}
		near := cmp.Comparer(func(a, b int) bool { return a == b || a > 1<<20 && b > 1<<20 && a-b < 1<<20 && b-a < 1<<20 })
		if diff := cmp.Diff(want, s.Memory.Parts, near); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if d := s.Memory.Declared(); d < s.Connections.Bytes+16<<20 || d > s.Connections.Bytes+32<<20 {
			t.Errorf("%d bytes in all", d)
		}
		if diff := cmp.Diff(s.Memory.Parts, r.d.Memory()); diff != "" {
			t.Errorf("(-status +Memory)\n%s", diff)
		}
	})
}
