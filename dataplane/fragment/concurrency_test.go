package fragment

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lvsdr/dataplane/link"
)

// arrival is one fragment of datagram id.
type arrival struct {
	id int
	Piece
}

// arrivals are the fragments of n datagrams, dealt at random to workers.
func arrivals(n, workers int) (queues [][]arrival, total int) {
	r := rand.New(rand.NewPCG(1, 2))
	queues = make([][]arrival, workers)
	for id := range n {
		for i := range 2 + id%4 {
			p := Piece{uint16(i) * 1480, uint16(i+1) * 1480, i < 1+id%4}
			w := r.IntN(workers)
			queues[w] = append(queues[w], arrival{id, p})
			total++
		}
	}
	for _, q := range queues {
		for i := range q { // out of order, but not by much
			j := min(i+r.IntN(8), len(q)-1)
			q[i], q[j] = q[j], q[i]
		}
	}
	return queues, total
}

// frame names the fragment in the frame.
func (a arrival) frame() *link.Frame {
	f := copyOf(0, 64)
	binary.BigEndian.PutUint32(f.Raw, uint32(a.id))
	binary.BigEndian.PutUint16(f.Raw[4:], a.Start)
	return f
}

func arrivalOf(f *link.Frame) (id int, start uint16) {
	return int(binary.BigEndian.Uint32(f.Raw)), binary.BigEndian.Uint16(f.Raw[4:])
}

// TestWorkersShareATable: the fragments of a datagram reach different workers in
// any order, and each leaves exactly once, by the decision about the first.
func TestWorkersShareATable(t *testing.T) {
	datagrams, workers := 20_000, 4
	if testing.Short() {
		datagrams = 2000
	}
	table := newTable(t, Options{Heap: true})
	queues, total := arrivals(datagrams, workers)
	type departure struct {
		id    int
		start uint16
	}
	sent := make([]map[departure]Decision, workers)
	var running, watching sync.WaitGroup
	for i, q := range queues {
		sent[i] = make(map[departure]Decision)
		running.Go(func() {
			for _, a := range q {
				k, d := key(a.id), Decision(a.id%7)
				if a.Start == 0 {
					sent[i][departure{a.id, 0}] = d
					for _, f := range taken(table.First(&k, a.Piece, d, 0)) {
						id, start := arrivalOf(&f)
						sent[i][departure{id, start}] = d
					}
					continue
				}
				switch d, o := table.Follow(&k, a.Piece, a.frame(), 0); o {
				case Passes:
					sent[i][departure{a.id, a.Start}] = d
				case Waits:
				default:
					t.Errorf("piece %v of datagram %d: %v", a.Piece, a.id, o)
				}
			}
		})
	}
	done := make(chan struct{})
	watching.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				table.Sweep(1)
				table.Stats()
			}
		}
	})
	running.Wait()
	close(done)
	watching.Wait()

	all := map[departure]Decision{}
	for _, m := range sent {
		for f, d := range m {
			if _, twice := all[f]; twice {
				t.Errorf("piece at %d of datagram %d was sent twice", f.start, f.id)
			}
			if all[f] = d; d != Decision(f.id%7) {
				t.Errorf("piece at %d of datagram %d was sent by decision %d", f.start, f.id, d)
			}
		}
	}
	s := table.Stats()
	if len(all) != total || s.Completed != uint64(datagrams) {
		t.Errorf("%d of %d fragments were sent, %d of %d datagrams are complete", len(all), total, s.Completed, datagrams)
	}
	if s.Datagrams != 0 || s.Waiting != 0 || s.Bytes != 0 || s.Lost != 0 {
		t.Errorf("in the end: %+v", s)
	}
	t.Logf("%d of %d fragments waited", s.Released, total)
}

// TestWorkersWithoutPlaces: with too few places and too little room nobody gets
// hold of a copy twice, and nothing stays behind.
func TestWorkersWithoutPlaces(t *testing.T) {
	rounds := 40_000
	if testing.Short() {
		rounds = 4000
	}
	table := newTable(t, Options{Datagrams: 40, Bytes: 30 * cellBytes, Lifetime: 500, Heap: true})
	var running sync.WaitGroup
	var mu sync.Mutex
	var clock atomic.Int64
	seen := map[int]bool{} // by WireLen, which no two have in common
	for i := range 4 {
		running.Go(func() {
			r := rand.New(rand.NewPCG(3, uint64(i)))
			for range rounds {
				k, p := key(r.IntN(100)), regularPiece(r.IntN(6), r.IntN)
				switch at := time.Duration(clock.Add(1)); r.IntN(20) {
				case 0:
					table.Sweep(at)
				case 1, 2, 3:
					for _, f := range taken(table.First(&k, Piece{0, 32, true}, 1, at)) {
						if bytes.Count(f.Raw, f.Raw[:1]) != len(f.Raw) || f.Raw[0] != byte(f.WireLen) {
							t.Errorf("copy %d is %x", f.WireLen, f.Raw)
						}
						mu.Lock()
						if seen[f.WireLen] {
							t.Error("a copy was handed out twice")
						}
						seen[f.WireLen] = true
						mu.Unlock()
					}
				default:
					f := copyOf(byte(at), 64+r.IntN(3*cellData))
					f.WireLen = int(at)
					table.Follow(&k, p, f, at)
				}
			}
		})
	}
	running.Wait()
	table.Sweep(time.Hour)
	s := table.Stats()
	if s.Datagrams != 0 || s.Waiting != 0 || s.Bytes != 0 || s.Released != uint64(len(seen)) {
		t.Errorf("in the end: %+v, %d copies seen", s, len(seen))
	}
	t.Logf("%+v", s)
	if s.Evicted == 0 || s.Released == 0 || s.Completed == 0 {
		t.Errorf("something never happened: %+v", s)
	}
	if s.Outcomes[Waits] != s.Released+s.Lost {
		t.Errorf("copies are missing: %+v", s)
	}
}
