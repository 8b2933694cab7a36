package generator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lvsdr/bench/sink"
	"lvsdr/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cable is a generator and a host that receives:
//
//	sender eth0 ───── eth0 receiver
type cable struct {
	sender, receiver *lab.Host
	link             *lab.Link
}

func newCable(t *testing.T) *cable {
	l := lab.ForTest(t)
	c := &cable{sender: l.Host("sender"), receiver: l.Host("receiver")}
	c.link = l.Connect(c.sender, c.receiver)
	c.link.Peer.SetOffload(lab.GRO, true)
	return c
}

// generators are all of them.
var generators = map[Kind]func(string, Traffic) (Generator, error){LiveFrames: OpenLive, Packet: OpenPacket}

func (c *cable) open(t *testing.T, kind Kind, made Traffic) Generator {
	t.Helper()
	var g Generator
	err := c.sender.Do(func() (err error) {
		g, err = generators[kind]("eth0", made)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func (c *cable) run(t *testing.T, g Generator, l Load) Sent {
	t.Helper()
	var sent Sent
	err := c.sender.Do(func() (err error) {
		sent, err = g.Run(t.Context(), l)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sent
}

// TestLANSameFrames: all generators send the frames of a plain walk. Their order is
// that of the receiver, where GRO holds some of them back.
func TestLANSameFrames(t *testing.T) {
	const frames = 200
	for kind := range generators {
		for _, made := range []Traffic{
			{Protocol: UDP, To: to, Flows: 70_001},
			{Protocol: TCP, To: to, Flows: 70_001},
			{Protocol: UDP, To: to, Flows: 3000, From: netip.MustParsePrefix("198.51.100.0/25")},
			{Protocol: UDP, To: to6, Flows: 70_001},
			{Protocol: TCP, To: to6, Flows: 3000, From: netip.MustParsePrefix("2001:db8:1::f0/124")},
		} {
			t.Run(fmt.Sprintf("%s %s to %v", kind, made.Protocol, made.To.Addr()), func(t *testing.T) {
				c := newCable(t)
				made.Source, made.Destination = [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}
				made.New, made.Size = 0.3, 101
				made := *complete(t, made)
				g := c.open(t, kind, made)
				wire := c.link.Peer.Capture()
				loads := []Load{
					{Rate: 10_000, Time: 10 * time.Second, Frames: frames},
					{Rate: 10_000, Time: 10 * time.Second, Frames: frames, Open: true},
					{Rate: 10_000, Time: 10 * time.Second, Frames: frames, Again: true},
				}
				for _, l := range loads {
					if sent := c.run(t, g, l); sent.Frames != frames {
						t.Fatalf("%d frames were sent, want %d", sent.Frames, frames)
					}
					if n := g.Frames(); n != frames {
						t.Fatalf("the generator says %d frames, want %d", n, frames)
					}
				}
				got := make(map[string]int)
				n := 0
				_, err := wire.WaitFor(t.Context(), func(f lab.Frame) bool {
					got[string(f.Data)]++
					n++
					return n == len(loads)*frames
				})
				if err != nil {
					t.Fatalf("%d frames came: %v", n, err)
				}
				w := newWalk(&made)
				want, tmpl := make([]byte, made.Size), newTemplate(&made)
				copy(want, tmpl.frame)
				for i, l := range loads {
					w.load(l)
					for range frames {
						flow, opens := w.step()
						tmpl.write(want, flow, opens)
						if got[string(want)]--; got[string(want)] < 0 {
							t.Fatalf("load %d: a frame did not come:\n% x", i, want)
						}
					}
				}
			})
		}
	}
}

// TestLANCounts: what was sent is what the sink counted and what the receiving
// interface had no room for, at a low rate and at the highest.
func TestLANCounts(t *testing.T) {
	for kind := range generators {
		for _, rate := range []float64{0, 20_000} {
			c := newCable(t)
			made := traffic(UDP, 1000)
			made.Destination = sink.MAC(1)
			g := c.open(t, kind, made)
			s := c.sink(t, "eth0", 3)
			sent := c.run(t, g, Load{Rate: rate, Time: 100 * time.Millisecond})
			if sent.Frames == 0 || sent.Time < 100*time.Millisecond && kind == LiveFrames {
				t.Fatalf("%s: sent %+v", kind, sent)
			}
			refused := c.link.Stat("tx_dropped")
			var counts sink.Counts
			for end := time.Now().Add(10 * time.Second); counts.Total()+refused < sent.Frames && time.Now().Before(end); {
				var err error
				if counts, err = s.Counts(); err != nil {
					t.Fatal(err)
				}
			}
			if counts.Servers[1] != sent.Frames-refused || counts.Total() != counts.Servers[1] || counts.Others != 0 {
				t.Errorf("%s at %v frames/s: sent %d, refused %d, sink %+v", kind, rate, sent.Frames, refused, counts)
			}
			if rate > 0 && refused > 0 {
				t.Errorf("%s: at %v frames/s the interface refused %d", kind, rate, refused)
			}
		}
	}
}

func (c *cable) sink(t *testing.T, name string, servers int) *sink.Sink {
	t.Helper()
	var s *sink.Sink
	err := c.receiver.Do(func() (err error) {
		s, err = sink.OpenKind(sink.XDP, name, servers)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestLANInterrupt: a context ends a load that would last for an hour.
func TestLANInterrupt(t *testing.T) {
	c := newCable(t)
	for kind := range generators {
		g := c.open(t, kind, traffic(UDP, 1))
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		done := make(chan error)
		go func() {
			done <- c.sender.Do(func() error {
				_, err := g.Run(ctx, Load{Rate: 1000, Time: time.Hour})
				return err
			})
		}()
		for before := c.link.Peer.Stat("rx_packets"); c.link.Peer.Stat("rx_packets") < before+10; {
			if t.Context().Err() != nil {
				t.Fatal("nothing is sent")
			}
		}
		cancel(enough)
		if err := <-done; !errors.Is(err, enough) {
			t.Errorf("%s: %v, want %v", kind, err, enough)
		}
	}
}

// TestLANOpen: the fastest is the one that is taken.
func TestLANOpen(t *testing.T) {
	c := newCable(t)
	err := c.sender.Do(func() error {
		g, kind, why, err := Open("eth0", traffic(UDP, 1))
		if err != nil {
			return err
		}
		if kind != LiveFrames || why != nil {
			t.Errorf("took %s: %v", kind, why)
		}
		return g.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLANNoTransmit: where the other end takes no frames from XDP, nobody would see
// that all are lost: they are sent in the other way, and why is said.
func TestLANNoTransmit(t *testing.T) {
	c := newCable(t)
	c.link.Peer.SetOffload(lab.GRO, false)
	err := c.sender.Do(func() error {
		g, kind, why, err := Open("eth0", traffic(UDP, 1))
		if err != nil {
			return err
		}
		if kind != Packet || why == nil || !strings.Contains(why.Error(), "live frames on eth0: its driver does not send") {
			t.Errorf("took %s: %v", kind, why)
		}
		return g.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLANUntold: where the kernel does not tell whether the driver sends live frames,
// they are sent only if somebody knows that it does.
func TestLANUntold(t *testing.T) {
	c := newCable(t)
	silent := func(int) (uint64, error) { return 0, fs.ErrNotExist }
	for _, trust := range []bool{false, true} {
		err := c.sender.Do(func() error {
			g, kind, why, err := open("eth0", traffic(UDP, 1), trust, silent)
			if err != nil {
				return err
			}
			if (kind == LiveFrames) != trust || errors.Is(why, errUntold) == trust {
				t.Errorf("trusting %v it took %s: %v", trust, kind, why)
			}
			return g.Close()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestLANRefused: AF_PACKET tells which frames the interface did not take.
func TestLANRefused(t *testing.T) {
	c := newCable(t)
	g := c.open(t, Packet, traffic(UDP, 1))
	c.link.Down()
	sent := c.run(t, g, Load{Rate: 10_000, Time: 10 * time.Second, Frames: 50})
	if sent.Frames != 50 || sent.Refused != 50 {
		t.Errorf("sent %+v out of an interface that is down", sent)
	}
}
