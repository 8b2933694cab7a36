package footprint

import (
	"os"
	"strings"
	"testing"

	"lvsdr/internal/offheap"
)

// kept holds what is live.
var kept []byte

// TestParts: the parts add up to what the kernel says, and each thing is in its
// part.
func TestParts(t *testing.T) {
	f := New()
	const aside, made = 24 << 20, 12 << 20
	var m offheap.Memory
	if _, err := offheap.Make[byte](&m, aside); err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	kept = make([]byte, made)
	for i := range kept {
		kept[i] = 1
	}
	defer func() { kept = nil }()
	if err := f.Settle(Memory{Anonymous: aside}); err != nil {
		t.Fatal(err)
	}
	r, err := f.Read()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", r)
	if r.Configuration < made-64<<10 || r.Configuration > made+1<<20 {
		t.Errorf("%d bytes were made, %d are said to be the configuration's", made, r.Configuration)
	}
	if r.Program < 1<<20 || r.Runtime <= 0 || r.Garbage <= 0 || r.Collections == 0 || r.Allocations == 0 {
		t.Errorf("%+v", r)
	}
	declared := r.Sum() + aside
	if d := r.Resident - declared; d < -r.Garbage-1<<20 || d > r.Garbage+1<<20 {
		t.Errorf("resident %d, declared %d, of which %d for garbage", r.Resident, declared, r.Garbage)
	}
}

// TestProgramIsResident: all of what can only be read of its file.
func TestProgramIsResident(t *testing.T) {
	if err := loadProgram(); err != nil {
		t.Fatal(err)
	}
	program := executable(t)
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	parts, ours := 0, false
	var size string
	for line := range strings.Lines(string(smaps)) {
		name, rest, _ := strings.Cut(line, ":")
		rest = strings.TrimSpace(rest)
		switch {
		case strings.Contains(name, "-"):
			_, _, ours = readOnly(line, program)
		case ours && name == "Size":
			size = rest
			parts++
		case ours && name == "Rss" && rest != size:
			t.Errorf("of %s are resident: %s", size, rest)
		}
	}
	if parts < 2 {
		t.Errorf("%d parts of %s found", parts, program)
	}
}

func executable(t *testing.T) string {
	t.Helper()
	name, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestReadOnly(t *testing.T) {
	for line, want := range map[string]bool{
		"00400000-00e90000 r-xp 00000000 fe:00 1234                               /usr/sbin/director\n":           true,
		"00400000-00e90000 r--p 00000000 fe:00 1234                               /usr/sbin/director\n":           true,
		"01a15000-01a88000 rw-p 01615000 fe:00 1234                               /usr/sbin/director\n":           false,
		"00400000-00e90000 r-xp 00000000 fe:00 1234                               /usr/sbin/director (deleted)\n": false,
		"7fde5e045000-7fde5e19b000 r-xp 00026000 fe:00 99                         /lib/libc.so.6\n":               false,
		"7ffc0-7ffd0 r-xp 00000000 00:00 0                                        [vdso]\n":                       false,
		"nonsense\n": false,
	} {
		if from, to, ok := readOnly(line, "/usr/sbin/director"); ok != want || ok && (from != 0x400000 || to != 0xe90000) {
			t.Errorf("%q: %x-%x %v", line, from, to, ok)
		}
	}
}

// TestPercent: the room for garbage is a share of all memory, within limits.
func TestPercent(t *testing.T) {
	const mebi = 1 << 20
	for _, c := range []struct{ total, live, roots, want int }{
		{100, 1, 0, 75},   // a heap of less than 4 MiB is collected at that part of them
		{150, 2, 4, 50},   // roots count
		{1000, 2, 4, 100}, // never more than the usual
		{1000, 30, 10, 50},
		{200, 100, 0, 33}, // never less than a third
		{10_000, 100, 2, 100},
		{1000, 1000, 0, 33}, // nothing but the heap
		{0, 0, 0, 33},
	} {
		got := percentFor(c.total*mebi, heap{live: uint64(c.live) * mebi, roots: uint64(c.roots) * mebi})
		if got < c.want-3 || got > c.want {
			t.Errorf("%d MiB, %d of them live, %d of roots: %d %%, want %d", c.total, c.live, c.roots, got, c.want)
		}
	}
}

// TestPaceFollows: more that is live makes the percentage smaller; who sets GOGC
// decides.
func TestPaceFollows(t *testing.T) {
	f := New()
	if err := f.Settle(Memory{}); err != nil {
		t.Fatal(err)
	}
	f.Pace(Memory{Anonymous: 10 << 30})
	if f.percent != mostPercent {
		t.Errorf("beside 10 GiB: %d %%", f.percent)
	}
	f.Pace(Memory{})
	if f.percent > 50 {
		t.Errorf("beside nothing: %d %%", f.percent)
	}
	before := f.percent
	t.Setenv("GOGC", "300")
	f.Pace(Memory{Anonymous: 10 << 30})
	if f.percent != before {
		t.Errorf("%d %% although GOGC is set", f.percent)
	}
}
