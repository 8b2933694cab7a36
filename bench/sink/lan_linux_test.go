package sink

import (
	"errors"
	"testing"

	"github.com/cilium/ebpf"
	"go.uber.org/goleak"

	"lvsdr/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestLANCounts: each frame counts for the server whose address it has, or for
// none, and goes no further.
func TestLANCounts(t *testing.T) {
	l := lab.ForTest(t)
	near, far := l.Host("near"), l.Host("far")
	cable := l.Connect(near, far)
	var s *Sink
	open := func(servers int) error {
		return far.Do(func() (err error) {
			s, err = Open("eth0", servers)
			return err
		})
	}
	for _, servers := range []int{0, MaxServers + 1} {
		if open(servers) == nil {
			t.Errorf("%d servers are taken", servers)
		}
	}
	const servers = 3
	if err := open(servers); err != nil {
		t.Fatal(err)
	}
	past := cable.Peer.Capture()

	frame := make([]byte, 60)
	frame[12] = 0x08
	want := Counts{Servers: make([]uint64, servers)}
	send := func(mac [6]byte, n int) {
		copy(frame, mac[:])
		for range n {
			if err := cable.Inject(frame); err != nil {
				t.Fatal(err)
			}
		}
	}
	for server := range servers {
		send(MAC(server), server+1)
		want.Servers[server] = uint64(server + 1)
	}
	for _, other := range [][6]byte{MAC(servers), MAC(MaxServers - 1), {2, 0x73, 0x6b, 1}, {}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}} {
		send(other, 2)
		want.Others += 2
	}

	var got Counts
	for got.Total()+got.Others < want.Total()+want.Others && t.Context().Err() == nil {
		var err error
		if got, err = s.Counts(); err != nil {
			t.Fatal(err)
		}
	}
	for server, frames := range want.Servers {
		if got.Servers[server] != frames {
			t.Errorf("server %d got %d frames, want %d", server, got.Servers[server], frames)
		}
	}
	if got.Others != want.Others || got.Total() != want.Total() {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if n := len(past.Frames()); n > 0 {
		t.Errorf("%d frames went past the sink", n)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Counts(); err == nil || errors.Is(err, ebpf.ErrKeyNotExist) {
		t.Errorf("a closed sink answers: %v", err)
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
