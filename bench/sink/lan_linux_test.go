package sink

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"lvsdr/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counted is what a sink of 3 servers made of frames to it, and which of them went
// past it.
func counted(t *testing.T, kind Kind, frames map[[6]byte]int) (Counts, int) {
	t.Helper()
	l := lab.ForTest(t)
	near, far := l.Host("near"), l.Host("far")
	cable := l.Connect(near, far)
	var s *Sink
	err := far.Do(func() (err error) {
		s, err = OpenKind(kind, "eth0", 3)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	before := far.SNMP("Ip.InReceives")

	total := 0
	frame := make([]byte, 60)
	frame[12] = 0x08
	for mac, n := range frames {
		copy(frame, mac[:])
		total += n
		for range n {
			if err := cable.Inject(frame); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got Counts
	for int(got.Total()+got.Others) < total && t.Context().Err() == nil {
		if got, err = s.Counts(); err != nil {
			t.Fatal(err)
		}
	}
	past := far.SNMP("Ip.InReceives") - before
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return got, int(past)
}

// TestLANCounts: each frame counts for the server whose address it has, or for
// none, and goes no further.
func TestLANCounts(t *testing.T) {
	for _, kind := range []Kind{TC, XDP, Rules} {
		got, past := counted(t, kind, map[[6]byte]int{
			MAC(0): 1, MAC(1): 2, MAC(2): 3,
			MAC(3): 2, MAC(MaxServers - 1): 2, {2, 0x73, 0x6b, 1}: 2, {}: 2, {255, 255, 255, 255, 255, 255}: 2,
		})
		if want := (Counts{Servers: []uint64{1, 2, 3}, Others: 10}); !cmp.Equal(got, want) || got.Total() != 6 {
			t.Errorf("%s: got %+v, want %+v", kind, got, want)
		}
		if past != 0 {
			t.Errorf("%s: %d frames went past the sink", kind, past)
		}
	}
}

// TestLANOpen: the first way that works is taken.
func TestLANOpen(t *testing.T) {
	l := lab.ForTest(t)
	near, far := l.Host("near"), l.Host("far")
	l.Connect(near, far)
	err := far.Do(func() error {
		s, kind, why, err := Open("eth0", 1, TC, XDP, Rules)
		if err != nil {
			return err
		}
		if kind != TC || why != nil {
			t.Errorf("took %s: %v", kind, why)
		}
		for _, servers := range []int{0, MaxServers + 1} {
			if _, _, _, err := Open("eth0", servers, XDP); err == nil {
				t.Errorf("%d servers are taken", servers)
			}
		}
		if _, _, _, err := Open("eth7", 1, XDP); err == nil {
			t.Error("an interface that is not there is taken")
		}
		return s.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestMACsDiffer(t *testing.T) {
	seen := make(map[[6]byte]bool)
	for server := range MaxServers {
		mac := MAC(server)
		if seen[mac] || mac[0]&3 != 2 {
			t.Fatalf("server %d has %x: not its own, or not locally administered", server, mac)
		}
		seen[mac] = true
	}
}
