package ends

import (
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lvsdr/bench/generator"
	"lvsdr/bench/sink"
)

var vip = netip.MustParseAddrPort("192.0.2.10:80")

func TestBadSendOptions(t *testing.T) {
	good := SendOptions{Interface: "eth0", To: vip, Time: time.Second, Rate: 1000}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(*SendOptions)
		want   string
	}{
		{func(o *SendOptions) { o.Interface = "" }, "an interface is needed"},
		{func(o *SendOptions) { o.To = netip.AddrPort{} }, "want an address and a port"},
		{func(o *SendOptions) { o.To = netip.MustParseAddrPort("224.0.0.1:80") }, "want the address of one host"},
		{func(o *SendOptions) { o.To = netip.MustParseAddrPort("[::]:80") }, "want the address of one host"},
		{func(o *SendOptions) { o.MAC = [6]byte{255, 255, 255, 255, 255, 255} }, "address ff:ff:ff:ff:ff:ff: want that of one host"},
		{func(o *SendOptions) { o.Protocol = "sctp" }, `protocol "sctp": want udp or tcp`},
		{func(o *SendOptions) { o.To = netip.MustParseAddrPort("255.255.255.255:80") }, "want the address of one host"},
		{func(o *SendOptions) { o.Rate = -1 }, "rate -1: want 1 to 1e9 frames/s"},
		{func(o *SendOptions) { o.Rate = 0.9 }, "rate 0.9: want 1 to 1e9 frames/s"},
		{func(o *SendOptions) { o.Rate = math.NaN() }, "rate NaN: want 1 to 1e9 frames/s"},
		{func(o *SendOptions) { o.Time = 0 }, "time 0s: want 10ms to 1h0m0s"},
		{func(o *SendOptions) { o.Time = time.Hour + 1 }, "want 10ms to 1h0m0s"},
		{func(o *SendOptions) { o.Kind = "smoke signals" }, `way to send "smoke signals": want "BPF live frames" or "AF_PACKET"`},
		{
			func(o *SendOptions) { o.Protocol, o.Flows = generator.TCP, 4_000_000 },
			"4000000 connections at 1000 frames/s take 1h6m40s to open, and 1s then: want at most 1h0m0s with all",
		},
		{
			func(o *SendOptions) { o.Protocol, o.Flows, o.Rate, o.Time = generator.TCP, 7, 0, MaxTime },
			"7 connections as fast as possible may take 10m0s to open, and 1h0m0s then: want at most 1h0m0s with all",
		},
	} {
		o := good
		c.change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", o, err, c.want)
		}
	}
	good.Rate, good.Time = 0, MaxTime
	if err := good.Validate(); err != nil {
		t.Errorf("an hour as fast as possible: %v", err)
	}
}

// TestOpeningLimit: opening and sending end within an hour, with some time to spare
// where there is some.
func TestOpeningLimit(t *testing.T) {
	for _, c := range []struct {
		protocol generator.Protocol
		rate     float64
		flows    int
		time     time.Duration
		want     time.Duration
	}{
		{generator.UDP, 1000, 500, time.Second, 0},
		{generator.TCP, 1000, 500, time.Second, 2 * time.Second},
		{generator.TCP, 0, 500, time.Second, openLongest},
		{generator.TCP, 0, 500, MaxTime - openLongest, openLongest},
		{generator.TCP, 1000, 600_000, MaxTime - 10*time.Minute, 10 * time.Minute},
		{generator.TCP, 1000, 600_000, MaxTime - 15*time.Minute, 15 * time.Minute},
		{generator.TCP, 1000, 600_000, MaxTime - 30*time.Minute, 20*time.Minute + time.Second},
	} {
		o := SendOptions{Interface: "eth0", To: vip, Protocol: c.protocol, Rate: c.rate, Flows: c.flows, Time: c.time}
		if err := o.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		if got := o.openingLimit(c.flows); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestBadReceiveOptions(t *testing.T) {
	good := ReceiveOptions{Interface: "eth0", To: vip}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(*ReceiveOptions)
		want   string
	}{
		{func(o *ReceiveOptions) { o.Interface = "" }, "an interface is needed"},
		{func(o *ReceiveOptions) { o.To = netip.AddrPort{} }, "the VIP's address and port are needed"},
		{func(o *ReceiveOptions) { o.To = netip.AddrPortFrom(vip.Addr(), 0) }, "the VIP's address and port are needed"},
		{func(o *ReceiveOptions) { o.To = netip.MustParseAddrPort("0.0.0.0:80") }, "the VIP's address and port are needed"},
		{func(o *ReceiveOptions) { o.Protocol = "sctp" }, `protocol "sctp": want udp or tcp`},
		{func(o *ReceiveOptions) { o.MACs = make([][6]byte, 64) }, "64 Ethernet addresses beside the interface's: want at most 63"},
		{func(o *ReceiveOptions) { o.Time = time.Millisecond }, "time 1ms: want 10ms to 1h0m0s"},
		{func(o *ReceiveOptions) { o.Kind = "abacus" }, `way to count "abacus": want "XDP", "generic XDP" or "nftables"`},
	} {
		o := good
		c.change(&o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", o, err, c.want)
		}
	}
}

// TestTotals: they are exact, and say rates with their units.
func TestTotals(t *testing.T) {
	s := Sent{Opening: 300, Frames: 1_234_567, Refused: 8, Time: 10 * time.Second, Size: 60}
	want := `sent 1234867 frames, the first 300 to open connections; the interface refused 8
1234567 frames in 10.00 s: 123 k frames/s, 83.0 Mbit/s of the wire`
	if got := s.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	s = Sent{Frames: 5, Time: time.Second, Size: 60}
	if got := s.String(); !strings.HasSuffix(got, "5.00 frames/s, 3360 bit/s of the wire") {
		t.Error(got)
	}
	r := Receiver{match: sink.Match{MACs: [][6]byte{{2}, {2, 1}}}}
	want = "received 3 frames\n  02:00:00:00:00:00: 1\n  02:01:00:00:00:00: 2\nlet pass 9 frames to other Ethernet addresses"
	if got := r.Totals(&sink.Counts{Servers: []uint64{1, 2}, Others: 9}); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
