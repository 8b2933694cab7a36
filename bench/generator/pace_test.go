package generator

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestWalkIsTheProgramsStruct(t *testing.T) {
	if got := binary.Size(walk{}); got != walkSize {
		t.Errorf("struct walk has %d bytes, the program's %d", got, walkSize)
	}
	raw, err := binary.Append(nil, binary.NativeEndian, walk{Start: 1, Sent: 2, Flow: 3, Share: 4, Kind: 5, Begin: 6})
	if err != nil {
		t.Fatal(err)
	}
	for off, want := range map[int]uint64{offStart: 1, offSent: 2, offFlow: 3, offShare: 4, offKind: 5, offBegin: 6} {
		if got := binary.NativeEndian.Uint64(raw[off:]); got != want {
			t.Errorf("at %d is %d, want %d", off, got, want)
		}
	}
}

// TestEachFlowOnce: no flow comes again before all others have come.
func TestEachFlowOnce(t *testing.T) {
	for _, flows := range []int{1, 2, 3, 4, 5, 6, 7, 10, 97, 1000, 1 << 16, 1_000_000} {
		made := traffic(UDP, flows)
		w := newWalk(complete(t, made))
		for pass := range 2 {
			seen := make([]bool, flows)
			for range flows {
				flow, opens := w.step()
				if opens || seen[flow] {
					t.Fatalf("%d flows, pass %d: flow %d comes twice, or opens (%v)", flows, pass, flow, opens)
				}
				seen[flow] = true
			}
		}
	}
}

func TestShareOfNewFlows(t *testing.T) {
	const flows, frames = 1000, 100_000
	for _, share := range []float64{0, 0.001, 0.25, 0.5, 1} {
		made := traffic(TCP, flows)
		made.New = share
		w := newWalk(complete(t, made))
		opening := 0
		for range frames {
			flow, opens := w.step()
			if opens != (flow >= flows) || flow >= flows+freshFlows {
				t.Fatalf("share %v: flow %d opens: %v", share, flow, opens)
			}
			if opens {
				opening++
			}
		}
		if want := share * frames; math.Abs(float64(opening)-want) > 1 {
			t.Errorf("share %v: %d of %d frames open a flow, want %.0f", share, opening, frames, want)
		}
	}
}

// TestOpening: the frames that open all flows are the flows, each once.
func TestOpening(t *testing.T) {
	made := traffic(TCP, 1000)
	made.New = 1
	w := newWalk(complete(t, made))
	w.load(Load{Time: time.Second, Open: true, Frames: 1000})
	seen := make(map[uint32]bool)
	for w.due(1) {
		flow, opens := w.step()
		if !opens || flow >= 1000 {
			t.Fatalf("flow %d, opens %v", flow, opens)
		}
		seen[flow] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d flows were opened", len(seen))
	}
}

// TestAgain: the frames behind those that open flows are of the same flows, whatever
// share of the others opens new ones; what comes then goes on.
func TestAgain(t *testing.T) {
	made := traffic(TCP, 1000)
	made.New = 0.5
	w := newWalk(complete(t, made))
	flows := func(l Load) (flows []uint32) {
		w.load(l)
		for w.due(1) {
			flow, opens := w.step()
			if opens != l.Open {
				t.Fatalf("%+v: flow %d opens: %v", l, flow, opens)
			}
			flows = append(flows, flow)
		}
		return flows
	}
	first := flows(Load{Time: time.Second, Open: true, Frames: 300})
	for _, open := range []bool{true, false, false} {
		if again := flows(Load{Time: time.Second, Open: open, Again: true, Frames: 300}); !slices.Equal(first, again) {
			t.Errorf("flows %v were opened, %v again", first, again)
		}
	}
	for _, flow := range flows(Load{Time: time.Second, Open: true, Frames: 700}) {
		if slices.Contains(first, flow) {
			t.Errorf("flow %d comes again", flow)
		}
	}
}

// pacing runs a load on a clock that stands at the moments given by step.
func pacing(t *testing.T, l Load, step func() uint64) (sent uint64, elapsed time.Duration) {
	t.Helper()
	made := traffic(UDP, 1)
	w := newWalk(complete(t, made))
	w.load(l)
	const start = 1 << 50
	for now := uint64(start); ; now += step() {
		w.due(now)
		if w.Done == 1 {
			return w.Sent, time.Duration(now - start)
		}
	}
}

func TestPace(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, rate := range []float64{1, 1000, 99_999, 1_000_000, 3_333_333} {
		length := time.Duration(math.Max(float64(100*time.Millisecond), 20/rate*float64(time.Second)))
		pause := max(200, uint64(1e9/rate/20))
		sent, elapsed := pacing(t, Load{Rate: rate, Time: length}, func() uint64 { return 50 + random.Uint64N(pause) })
		want := rate * length.Seconds()
		if math.Abs(float64(sent)-want) > 1+want/1e4 {
			t.Errorf("%v frames/s for %v: %d frames in %v, want %.0f", rate, length, sent, elapsed, want)
		}
	}
}

// TestPaceAfterStop: who stood still for longer than the burst makes up for the
// burst only, who did so for less makes up for all of it.
func TestPaceAfterStop(t *testing.T) {
	for _, test := range []struct {
		stop time.Duration
		want int64
	}{
		{500 * time.Microsecond, 100_000},
		{50 * time.Millisecond, 100_000 - 49_000},
	} {
		calls := 0
		sent, _ := pacing(t, Load{Rate: 1e6, Time: 100 * time.Millisecond}, func() uint64 {
			if calls++; calls == 1000 {
				return uint64(test.stop)
			}
			return 100
		})
		if d := int64(sent) - test.want; d < -20 || d > 20 {
			t.Errorf("after a stop of %v: %d frames, want %d", test.stop, sent, test.want)
		}
	}
}

func TestLimit(t *testing.T) {
	sent, _ := pacing(t, Load{Time: time.Second, Frames: 77}, func() uint64 { return 10 })
	if sent != 77 {
		t.Errorf("%d frames, want 77", sent)
	}
}

func TestBadLoad(t *testing.T) {
	for _, l := range []Load{{}, {Time: -1}, {Time: 1, Rate: -1}, {Time: 1, Rate: 2e9}} {
		if l.validate() == nil {
			t.Errorf("%+v is taken", l)
		}
	}
}
