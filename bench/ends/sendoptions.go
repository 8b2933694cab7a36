package ends

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"lvsdr/bench/generator"
)

// MaxTime is how long either end may work; a sender with all that it opens.
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
	Time time.Duration  // behind what opens connections, up to MaxTime with it; it is needed
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
	if o.Time+o.opening(t.Flows) > MaxTime {
		pace := "as fast as possible may"
		if o.Rate > 0 {
			pace = fmt.Sprintf("at %v frames/s", o.Rate)
		}
		return fmt.Errorf("%d connections %s take %v to open, and %v then: want at most %v with all",
			t.Flows, pace, o.opening(t.Flows).Round(time.Second), o.Time, MaxTime)
	}
	return nil
}

// opening is how long it takes to open the flows' connections before the time
// begins: at the rate, or at most, where there is none.
func (o *SendOptions) opening(flows int) time.Duration {
	switch {
	case o.Protocol != generator.TCP:
		return 0
	case o.Rate == 0:
		return openLongest
	}
	return time.Duration(float64(flows) / o.Rate * float64(time.Second))
}

// openingLimit is after how long no more connections are opened. A sender that cannot
// keep the pace has some time more, as far as it ends within MaxTime with all.
func (o *SendOptions) openingLimit(flows int) time.Duration {
	limit := o.opening(flows)
	if limit > 0 && o.Rate > 0 {
		limit = 2*limit + time.Second
	}
	return min(limit, MaxTime-o.Time)
}
