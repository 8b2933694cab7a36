package footprint

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
)

// Footprint is what this process holds. Make it with New.
type Footprint struct {
	own uint64 // live on the heap when the program began

	mu      sync.Mutex
	percent int     // for the collector; 0: somebody else decides
	fixed   Reading // what does not change any more: Program and Runtime
	loose   int     // what garbage takes beside its own size
}

// Memory is what was set aside outside the Go heap, in bytes.
type Memory struct {
	Anonymous int // RssAnon
	Shared    int // with the kernel; RssFile
}

// Reading is what a process holds, in bytes. Declared is its sum.
type Reading struct {
	Program       int // its file: code and constants
	Configuration int // live on the heap since the program began, by the last collection
	Garbage       int // half of what the process may grow by before the next
	Runtime       int // all else that is the program's or its runtime's, as measured

	Resident    int    // what the kernel says now (VmRSS)
	Collections uint64 // of garbage, since the program began
	Allocations uint64 // objects on the heap, ditto
}

// Sum is what the process should hold beside what was set aside.
func (r *Reading) Sum() int { return r.Program + r.Configuration + r.Garbage + r.Runtime }

// New begins. It is to be called before anything is made whose memory shall be
// told from the program's own.
func New() *Footprint {
	keepSmallPages()
	runtime.GC()
	return &Footprint{own: read().live}
}

// Settle makes the program's file resident, sets the collector's pace, and
// measures the process with no garbage and with all that there can be. It takes
// some 10 ms, stops the world for moments of them, and is to be called once all is
// open. held is what was set aside.
// Errors: /proc cannot be read; or the program cannot be made resident, and then all
// else is done.
func (f *Footprint) Settle(held Memory) error {
	if err := loadProgram(); err != nil {
		return errors.Join(fmt.Errorf("make the program resident: %w", err), f.measure(held))
	}
	return f.measure(held)
}

// measure does what Settle says, with the program as it is.
func (f *Footprint) measure(held Memory) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	first, err := swept()
	if err != nil {
		return err
	}
	f.pace(first.resident)
	churn(int(read().goal)) // what the runtime keeps for ever of its first garbage
	least, err := swept()
	if err != nil {
		return err
	}
	h := read()
	churn(2 * int(h.goal))
	most, err := readStatus()
	if err != nil {
		return err
	}
	f.fixed.Program = max(0, least.file-held.Shared)
	f.fixed.Runtime = max(0, least.anonymous-held.Anonymous-f.configuration(h))
	f.loose = max(0, most.anonymous-least.anonymous-h.room())
	runtime.GC() // else what lives would be some of that garbage too
	return nil
}

// swept is the status without garbage.
func swept() (status, error) {
	debug.FreeOSMemory()
	return readStatus()
}

// Pace sets the collector's pace anew, after a change of the configuration.
func (f *Footprint) Pace(held Memory) {
	f.mu.Lock()
	defer f.mu.Unlock()
	heap := read()
	f.pace(held.Anonymous + held.Shared + f.fixed.Program + f.fixed.Runtime + f.configuration(heap))
}

// pace sets the collector's percentage for a process of so many bytes, unless
// that would change next to nothing: to set it stops the world.
func (f *Footprint) pace(total int) {
	if os.Getenv("GOGC") != "" {
		return
	}
	percent := percentFor(total, read())
	if d := percent - f.percent; d*d >= few*few {
		debug.SetGCPercent(percent)
		f.percent = percent
	}
}

const (
	// garbagePercent of all memory is room for garbage.
	garbagePercent = 2
	// The collector's percentage is within these.
	leastPercent, mostPercent = 33, 100
	// heapMinimum is what the runtime takes for the live heap if that is less.
	heapMinimum = 4 << 20
	few         = 5
)

// percentFor is the collector's percentage where all memory is total bytes. The
// heap may grow by this part of all that the collector looks through, not only of
// what is live (Go's GC guide), or, if that is more, from nothing to this part of
// heapMinimum.
func percentFor(total int, h heap) int {
	room, live := total/100*garbagePercent, int(h.live)
	percent := min(room*100/max(live+int(h.roots), 1), (live+room)*100/heapMinimum)
	return min(max(percent, leastPercent), mostPercent)
}

func (f *Footprint) configuration(h heap) int { return max(0, int(h.live)-int(f.own)) }

// Read returns what is held now. Any goroutine.
// Errors: /proc cannot be read.
func (f *Footprint) Read() (Reading, error) {
	s, err := readStatus()
	if err != nil {
		return Reading{}, err
	}
	h := read()
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.fixed
	r.Configuration = f.configuration(h)
	r.Garbage = (h.room() + f.loose) / 2
	r.Resident, r.Collections, r.Allocations = s.resident, h.collections, h.allocations
	return r, nil
}
