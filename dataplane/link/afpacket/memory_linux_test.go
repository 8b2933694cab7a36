package afpacket

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"lvsdr/dataplane/link"
)

// TestLANMemory: what a receiver says that it holds is resident as soon as it is
// open, and gone when it is closed.
func TestLANMemory(t *testing.T) {
	near, _ := newCable(t)
	near.do(func() {
		before := resident(t)
		r, err := OpenReceiver(ReceiverConfig{Interface: nearEnd})
		near.must(err)
		open := resident(t)
		m := r.Memory()
		near.must(r.Close())
		closed := resident(t)
		t.Logf("%+v: file %d, %d, %d, anonymous %d, %d, %d", m, before.file, open.file, closed.file, before.anon, open.anon, closed.anon)
		if m.Ring < DefaultSlots*DefaultSlotSize || m.Buffers != maxCopies*(link.Headroom+link.MaxFrame) {
			t.Errorf("it has %+v", m)
		}
		const slack = 1 << 20 // what else a process does: code that runs for the first time
		if n := open.file - before.file; n < m.Ring || n > m.Ring+slack {
			t.Errorf("opening it brought %d bytes of files, a ring of %d", n, m.Ring)
		}
		if n := open.anon - closed.anon; n < m.Buffers-slack/2 || n > m.Buffers+slack {
			t.Errorf("closing it freed %d bytes, its buffers are %d", n, m.Buffers)
		}
		if n := closed.file - before.file; n > slack {
			t.Errorf("%d bytes of files are left", n)
		}
	})
}

type residence struct{ file, anon int }

// resident is what this process has of the machine's memory, in bytes.
func resident(t *testing.T) (r residence) {
	t.Helper()
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "RssFile: %d", &r.file)
		fmt.Sscanf(line, "RssAnon: %d", &r.anon)
	}
	return residence{r.file << 10, r.anon << 10}
}
