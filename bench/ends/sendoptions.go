package ends

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"lvsdr/bench/generator"
)

// MaxTime is how long either end may work.
const MaxTime = time.Hour

// openLongest is how long connections may be opened as fast as possible.
const openLongest = 10 * time.Minute

// broadcast is every host on the link (RFC 919).
var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// SendOptions say what to send.
type SendOptions struct {
	Interface string
	To        netip.AddrPort
	// MAC is where frames to the VIP go; default: the host's routes and neighbours
	// say it.
	MAC [6]byte
	// The rest is that of generator.Traffic.
	From     netip.Prefix
	Protocol generator.Protocol
	Flows    int
	Size     int
	New      float64

	Rate float64        // frames a second; 0: as many as can be sent
	Time time.Duration  // up to MaxTime; it is needed
	Kind generator.Kind // default: the fastest that there is
}

// traffic is what is sent, but for the Ethernet addresses.
func (o *SendOptions) traffic() generator.Traffic {
	return generator.Traffic{
		Destination: o.MAC, To: o.To, From: o.From, Protocol: o.Protocol, Flows: o.Flows, Size: o.Size, New: o.New,
	}
}

// Validate finds mistakes that need no interface to be seen.
func (o SendOptions) Validate() error {
	t := o.traffic()
	if err := t.Complete(); err != nil {
		return err
	}
	switch {
	case o.Interface == "":
		return errors.New("an interface is needed")
	case o.To.Addr().IsUnspecified() || o.To.Addr().IsMulticast() || o.To.Addr() == broadcast:
		return fmt.Errorf("destination %v: want the address of one host", o.To)
	case o.MAC[0]&1 != 0:
		return fmt.Errorf("address %v: want that of one host, not of a group", net.HardwareAddr(o.MAC[:]))
	case o.Rate != 0 && !(o.Rate >= 1 && o.Rate <= 1e9):
		return fmt.Errorf("rate %v: want 1 to 1e9 frames/s", o.Rate)
	case o.Time < 10*time.Millisecond || o.Time > MaxTime:
		return fmt.Errorf("time %v: want 10ms to %v", o.Time, MaxTime)
	case o.Kind != "" && o.Kind != generator.LiveFrames && o.Kind != generator.Packet:
		return fmt.Errorf("way to send %q: want %q or %q", o.Kind, generator.LiveFrames, generator.Packet)
	}
	if whole := o.Time + o.opening(); o.Rate > 0 && whole > MaxTime {
		return fmt.Errorf("%d connections at %v frames/s take %v to open: want at most %v with all",
			t.Flows, o.Rate, o.opening().Round(time.Second), MaxTime)
	}
	return nil
}

// opening is how long connections are opened before the time begins: at the rate,
// or at most, where there is none.
func (o *SendOptions) opening() time.Duration {
	switch {
	case o.Protocol != generator.TCP:
		return 0
	case o.Rate == 0:
		return openLongest
	}
	return time.Duration(float64(max(o.Flows, 1)) / o.Rate * float64(time.Second))
}
