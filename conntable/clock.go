package conntable

import "time"

// Time is a moment on the table's clock, in ticks since the table was made.
// It wraps after 34 years; comparisons are by difference.
type Time uint32

// Tick is the clock's resolution: a connection's timer is written at most once
// a tick, however many packets come.
const Tick = time.Second / 4

// Now returns the present moment. It reads the machine's monotonic clock: call
// it once a batch.
func (t *Table) Now() Time { return Time(t.now() / Tick) }

// MaxTimeout is the longest timeout: a place keeps 20 bits of the expiry.
const MaxTimeout = 24 * time.Hour

// Ticks converts a timeout, rounding up; more than MaxTimeout is cut to it.
func Ticks(d time.Duration) uint32 { return uint32((min(d, MaxTimeout) + Tick - 1) / Tick) }

// until returns how many ticks are left from now to t; <= 0: it has passed.
func (t Time) until(now Time) int32 { return int32(t - now) }

// Timeouts is how many ticks a connection lives in each state without a
// packet.
type Timeouts [StateCount]uint32

// IPVS's timeouts (net/netfilter/ipvs/ip_vs_proto_tcp.c, ip_vs_proto_udp.c,
// ip_vs_proto_sctp.c; for templates the default of `ipvsadm -p`, and
// ip_vs_conn_expire).
var defaultTimeouts = [StateCount]time.Duration{
	StateNone:        2 * time.Second,
	StateEstablished: 15 * time.Minute,
	StateSynSent:     2 * time.Minute,
	StateSynRecv:     time.Minute,
	StateFinWait:     2 * time.Minute,
	StateTimeWait:    2 * time.Minute,
	StateClose:       10 * time.Second,
	StateCloseWait:   time.Minute,
	StateLastAck:     30 * time.Second,
	StateListen:      2 * time.Minute,
	StateSynAck:      2 * time.Minute,
	StateUDP:         5 * time.Minute,

	StateSCTPNone:             2 * time.Second,
	StateSCTPInit1:            4 * time.Second,
	StateSCTPInit:             61 * time.Second,
	StateSCTPCookieSent:       61 * time.Second,
	StateSCTPCookieReplied:    61 * time.Second,
	StateSCTPCookieWait:       61 * time.Second,
	StateSCTPCookie:           61 * time.Second,
	StateSCTPCookieEchoed:     61 * time.Second,
	StateSCTPEstablished:      15 * time.Minute,
	StateSCTPShutdownSent:     61 * time.Second,
	StateSCTPShutdownReceived: 61 * time.Second,
	StateSCTPShutdownAckSent:  61 * time.Second,
	StateSCTPRejected:         4 * time.Second,
	StateSCTPClosed:           61 * time.Second,

	StateTemplate:             5 * time.Minute,
	StateTemplateAssured:      5 * time.Minute,
	StateTemplateAgain:        time.Minute,
	StateTemplateAssuredAgain: time.Minute,
}

// NewTimeouts returns IPVS's timeouts with the three that `ipvsadm --set`
// changes: established TCP, TCP after a FIN, and UDP. Zero keeps the default.
func NewTimeouts(tcp, tcpFin, udp time.Duration) *Timeouts {
	d := defaultTimeouts
	for state, v := range map[State]time.Duration{StateEstablished: tcp, StateFinWait: tcpFin, StateUDP: udp} {
		if v > 0 {
			d[state] = v
		}
	}
	var t Timeouts
	for s := range d {
		t[s] = Ticks(d[s])
	}
	return &t
}

// Persist sets how long a template of the service lives without a new
// connection, and returns t.
func (t *Timeouts) Persist(d time.Duration) *Timeouts {
	t[StateTemplate], t[StateTemplateAssured] = Ticks(d), Ticks(d)
	return t
}
