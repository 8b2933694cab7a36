package wire

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"lvsdr/bench/generator"
)

// Defaults of Options. A run takes a minute and a half with them.
const (
	DefaultFlows   = 65_536
	DefaultSize    = generator.MinSize
	DefaultServers = 4
	DefaultTime    = 200 * time.Millisecond
	DefaultRounds  = 3
	DefaultLoss    = 0.001
)

// Options say what to measure. The zero value has all defaults.
type Options struct {
	// Program is the director's executable; the peer is skipped without it.
	Program string
	Peers   []string // by name; default: all

	IPv6     bool
	Protocol generator.Protocol // default: UDP
	Flows    int                // default: DefaultFlows
	Size     int                // of a frame in bytes, without its checksum; default: DefaultSize, or what IPv6 headers take
	New      float64            // share of frames that open a flow, 0 to 1; a SYN in TCP

	Servers int           // real servers; default: DefaultServers
	Time    time.Duration // of one trial; default: DefaultTime
	Rounds  int           // default: DefaultRounds
	Loss    float64       // that the highest rate stays below; default: DefaultLoss
	Curve   bool          // measure rates far beyond the highest, too
}

// Validate finds mistakes.
func (o Options) Validate() error { return o.complete() }

// complete fills in the defaults, and finds mistakes.
func (o *Options) complete() error {
	o.Protocol = cmp.Or(o.Protocol, generator.UDP)
	o.Flows = cmp.Or(o.Flows, DefaultFlows)
	o.Size = cmp.Or(o.Size, o.leastSize())
	o.Servers = cmp.Or(o.Servers, DefaultServers)
	o.Time = cmp.Or(o.Time, DefaultTime)
	o.Rounds = cmp.Or(o.Rounds, DefaultRounds)
	o.Loss = cmp.Or(o.Loss, DefaultLoss)
	switch {
	case o.Protocol != generator.UDP && o.Protocol != generator.TCP:
		return fmt.Errorf("protocol %q: want %s or %s", o.Protocol, generator.UDP, generator.TCP)
	case o.Flows < 1 || o.Flows > generator.MaxFlows:
		return fmt.Errorf("flows %d: want 1 to %d", o.Flows, generator.MaxFlows)
	case o.Size < o.leastSize() || o.Size > generator.MaxSize:
		return fmt.Errorf("size %d: want %d to %d bytes", o.Size, o.leastSize(), generator.MaxSize)
	case !(o.New >= 0 && o.New <= 1):
		return fmt.Errorf("share of new flows %v: want 0 to 1", o.New)
	case o.Servers < 1 || o.Servers > maxServers:
		return fmt.Errorf("servers %d: want 1 to %d", o.Servers, maxServers)
	case o.Time < 10*time.Millisecond || o.Time > time.Minute:
		return fmt.Errorf("time %v: want 10ms to 1m for a trial", o.Time)
	case o.Rounds < 1 || o.Rounds > 1000:
		return fmt.Errorf("rounds %d: want 1 to 1000", o.Rounds)
	case !(o.Loss > 0 && o.Loss < 1):
		return fmt.Errorf("loss %v: want a share above 0 and below 1", o.Loss)
	}
	_, err := choose(o.Peers)
	return err
}

// leastSize is that of the shortest frames with all headers.
func (o *Options) leastSize() int {
	t := generator.Traffic{To: netip.AddrPortFrom(o.addresses().vip, servicePort), Protocol: o.Protocol}
	if t.Complete() != nil {
		return DefaultSize // of a protocol that is refused
	}
	return t.Size
}
