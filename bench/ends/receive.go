package ends

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"lvsdr/bench"
	"lvsdr/bench/generator"
	"lvsdr/bench/sink"
)

// ReceiveOptions say what to count.
type ReceiveOptions struct {
	Interface string
	To        netip.AddrPort     // the VIP
	Protocol  generator.Protocol // default: all
	// MACs are further Ethernet addresses, beside the interface's own, whose frames
	// are taken and counted apart: real servers behind one interface.
	MACs [][6]byte
	Time time.Duration // up to MaxTime; 0: until the context ends, or for MaxTime
	Kind sink.Kind     // default: the cheapest that there is
	// Force takes frames of established TCP connections too, which hang then.
	Force bool
}

// Validate finds mistakes that need no interface to be seen.
func (o ReceiveOptions) Validate() error {
	switch {
	case o.Interface == "":
		return errors.New("an interface is needed")
	case !o.To.IsValid() || o.To.Port() == 0 || o.To.Addr().Is4In6() || o.To.Addr().Zone() != "" || o.To.Addr().IsUnspecified():
		return errors.New("the VIP's address and port are needed: only what is to both is taken off the interface")
	case o.Protocol != "" && o.Protocol != generator.UDP && o.Protocol != generator.TCP:
		return fmt.Errorf("protocol %q: want %s or %s", o.Protocol, generator.UDP, generator.TCP)
	case len(o.MACs) >= sink.MaxMACs:
		return fmt.Errorf("%d Ethernet addresses beside the interface's: want at most %d", len(o.MACs), sink.MaxMACs-1)
	case o.Time != 0 && (o.Time < 10*time.Millisecond || o.Time > MaxTime):
		return fmt.Errorf("time %v: want 10ms to %v", o.Time, MaxTime)
	case o.Kind != "" && !slices.Contains([]sink.Kind{sink.XDP, sink.Generic, sink.Rules}, o.Kind):
		return fmt.Errorf("way to count %q: want %q, %q or %q", o.Kind, sink.XDP, sink.Generic, sink.Rules)
	}
	return nil
}

// Receiver takes frames to a VIP and port off an interface, and counts them. Its
// methods belong to one goroutine.
type Receiver struct {
	options ReceiveOptions
	device  *device
	match   sink.Match
	sink    *sink.Sink
	kind    sink.Kind
	why     error    // that it is not the cheapest
	vlans   []string // on the interface
}

// OpenReceiver begins to take frames, unless it would take them from established TCP
// connections. It needs root. Close ends it; so does the end of the process, however
// it comes.
func OpenReceiver(o ReceiveOptions) (*Receiver, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if !o.Force && o.Protocol != generator.UDP {
		if err := o.inUse(); err != nil {
			return nil, err
		}
	}
	d, err := openDevice(o.Interface)
	if err != nil {
		return nil, err
	}
	r := &Receiver{options: o, device: d, kind: o.Kind}
	if r.vlans, err = d.vlans(); err != nil {
		d.close()
		return nil, err
	}
	r.match = sink.Match{VIP: o.To.Addr(), Port: o.To.Port(), Protocol: string(o.Protocol), MACs: [][6]byte{d.mac}}
	for _, mac := range o.MACs {
		if !slices.Contains(r.match.MACs, mac) {
			r.match.MACs = append(r.match.MACs, mac)
		}
	}
	if o.Kind == "" {
		r.sink, r.kind, r.why, err = sink.OpenMatch(o.Interface, r.match)
	} else {
		r.sink, err = sink.OpenMatchKind(o.Kind, o.Interface, r.match)
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return r, nil
}

// Plan says what is taken, and how.
func (r *Receiver) Plan() string {
	protocols := "tcp and udp"
	if r.match.Protocol != "" {
		protocols = r.match.Protocol
	}
	end := "until Ctrl-C"
	if r.options.Time > 0 {
		end = fmt.Sprintf("for %v", r.options.Time)
	}
	plan := fmt.Sprintf("takes all %s frames to %v off %s %s, by %s: what serves there gets none of them",
		protocols, r.options.To, r.device.name, end, r.kind)
	if r.why != nil {
		plan += fmt.Sprintf("\n  not in a cheaper way: %v", r.why)
	}
	if len(r.vlans) > 0 && r.kind != sink.Rules {
		plan += fmt.Sprintf(`
  %[1]s has VLANs (%[2]s): XDP does not see tags that the card takes out, and takes such
  frames out of them too. Where ethtool -k %[1]s says "rx-vlan-offload: on", try
  --method nftables, or ethtool -K %[1]s rxvlan off`, r.device.name, strings.Join(r.vlans, ", "))
	}
	return plan
}

// Close lets the frames pass again.
func (r *Receiver) Close() error {
	r.device.close()
	return r.sink.Close()
}

// ScenarioReceive is the scenario of what is received, and other is the variant of
// frames that were let pass since their Ethernet address is none of the sink's.
const (
	ScenarioReceive = "sink"
	other           = "other addresses"
)

// Run counts until the time is over, and records the rate of each second and
// totals, by Ethernet address. The context's end is an error where a time was
// given; what was counted until then is recorded all the same. The progress may be
// nil.
func (r *Receiver) Run(ctx context.Context, run *bench.Run, p bench.Progress) (sink.Counts, error) {
	if r.why != nil {
		run.Skip(string(sink.XDP), fmt.Sprintf("frames are counted by %s, which is slower: %v", r.kind, r.why))
	}
	if p == nil {
		p = bench.Silent{}
	}
	var m meter
	failed := r.watch(ctx, &m, p)
	counts, err := r.sink.Counts()
	if err != nil {
		return counts, errors.Join(failed, err)
	}
	m.end(time.Now(), counts.Servers)
	m.trim()
	r.record(run, &m, &counts)
	return counts, failed
}

// watch reads the counters until the end.
func (r *Receiver) watch(ctx context.Context, m *meter, p bench.Progress) error {
	length := r.options.Time
	if length == 0 {
		length = MaxTime
	}
	end := time.NewTimer(length)
	defer end.Stop()
	every := time.NewTicker(look)
	defer every.Stop()
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			if r.options.Time == 0 {
				return nil
			}
			return context.Cause(ctx)
		case <-end.C:
			return nil
		case <-every.C:
			counts, err := r.sink.Counts()
			if err != nil {
				return err
			}
			now := time.Now() // the tick may be old
			if rates, ok := m.add(now, counts.Servers); ok {
				p.Show(r.progress(&counts, rates, len(m.rates), now.Sub(began)))
			}
		}
	}
}

func (r *Receiver) progress(c *sink.Counts, rates []float64, second int, past time.Duration) bench.Status {
	s := bench.Status{What: fmt.Sprintf("%v, %d frames", r.options.To, c.Total()), Round: second, Moving: true}
	for _, rate := range rates {
		s.Rate += rate
	}
	if r.options.Time > 0 {
		s.Rounds, s.Left = int((r.options.Time+time.Second-1)/time.Second), max(r.options.Time-past, 0)
	}
	return s
}

func (r *Receiver) record(run *bench.Run, m *meter, counts *sink.Counts) {
	for second, rates := range m.rates {
		for i, rate := range rates {
			run.Record(r.result(r.address(i)), second+1,
				bench.Reading{Metric: MetricRate, Unit: "frames/s", Better: bench.Higher, Value: rate})
		}
	}
	total := func(variant string, n uint64) {
		run.Record(r.result(variant), 1,
			bench.Reading{Metric: MetricFrames, Unit: "frames", Better: bench.Neither, Value: float64(n)})
	}
	for i, n := range counts.Servers {
		total(r.address(i), n)
	}
	if counts.Others > 0 {
		total(other, counts.Others)
	}
}

func (r *Receiver) address(server int) string {
	return net.HardwareAddr(r.match.MACs[server][:]).String()
}

func (r *Receiver) result(variant string) *bench.Case {
	protocol := r.match.Protocol
	if protocol == "" {
		protocol = "all"
	}
	return &bench.Case{Scenario: ScenarioReceive, Variant: variant, Params: []bench.Param{
		bench.P("to", r.options.To), bench.P("protocol", protocol),
	}}
}

// Totals tells the totals exactly.
func (r *Receiver) Totals(counts *sink.Counts) string {
	text := fmt.Sprintf("received %d frames", counts.Total())
	if len(counts.Servers) > 1 {
		for i, n := range counts.Servers {
			text += fmt.Sprintf("\n  %s: %d", r.address(i), n)
		}
	}
	if counts.Others > 0 {
		text += fmt.Sprintf("\nlet pass %d frames to other Ethernet addresses", counts.Others)
	}
	return text
}
