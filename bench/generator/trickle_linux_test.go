package generator

import (
	"testing"
	"time"

	"lvsdr/lab"
)

// TestLANTrickle: the steps of a load are together what a generator sends at once,
// and a new load goes on with the flows where the last one ended.
func TestLANTrickle(t *testing.T) {
	c := newCable(t)
	made := traffic(UDP, 1000)
	var steps *Trickle
	err := c.sender.Do(func() (err error) {
		steps, err = OpenTrickle("eth0", made)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := steps.Close(); err != nil {
			t.Error(err)
		}
	}()
	if sent := steps.Sent(); sent != (Sent{}) {
		t.Errorf("before all steps: %+v", sent)
	}
	wire := c.link.Peer.Capture()
	const frames, most = 100, 7
	for range 2 {
		if err := steps.Begin(Load{Time: time.Minute, Frames: frames}); err != nil {
			t.Fatal(err)
		}
		for calls := 1; steps.Step(most); calls++ {
			if sent := steps.Sent().Frames; sent != uint64(min(calls*most, frames)) {
				t.Fatalf("%d frames after %d steps", sent, calls)
			}
		}
		if sent := steps.Sent(); sent.Frames != frames || sent.Time <= 0 {
			t.Errorf("%+v", sent)
		}
	}
	full := complete(t, made)
	w, want := newWalk(full), newTemplate(full)
	w.load(Load{Time: time.Minute})
	for i := range 2 * frames {
		flow, opens := w.step()
		frame := append([]byte(nil), want.frame...)
		want.write(frame, flow, opens)
		if _, err := wire.WaitFor(t.Context(), func(f lab.Frame) bool { return string(f.Data) == string(frame) }); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
	}
	if err := steps.Begin(Load{}); err == nil {
		t.Error("a load without a time")
	}
}
