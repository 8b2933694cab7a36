package director_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/frame"
	"lvsdr/guard"
)

// TestAlarms: each cause has its alarm with a remedy and the time when it
// began, and the alarm ends with the cause.
func TestAlarms(t *testing.T) {
	stranger := frame.MAC{2, 0, 0, 0, 0xbb, 1}
	for _, c := range []struct {
		name   string
		cause  func(*rig)
		what   string
		remedy string
		stays  time.Duration // how long the alarm may outlast its cause
		end    func(*rig)
	}{
		{
			name: "kernel",
			cause: func(r *rig) {
				r.host.SetFindings(guard.Finding{Severity: guard.Alarm, What: "it is odd", Why: "so", Remedy: "even it"})
			},
			what: "it is odd: so", remedy: "even it", stays: guard.Interval,
			end: func(r *rig) { r.host.SetFindings() },
		},
		{
			name: "another host has the VIP",
			cause: func(r *rig) {
				r.lan.AddNeighbor(vip, stranger)
				r.lan.Announce(vip, stranger)
			},
			what: stranger.String() + " claims VIP 192.0.2.10 by ARP (announcement)", remedy: "take the VIP off it",
			stays: 11 * time.Minute,
			end:   func(r *rig) { r.lan.RemoveNeighbor(vip) },
		},
		{
			name: "a real server has the VIP",
			cause: func(r *rig) {
				r.lan.Announce(vip, realMAC(21))
			},
			what:   "real server 192.0.2.21 (" + realMAC(21).String() + ") claims VIP 192.0.2.10 by ARP",
			remedy: "on 192.0.2.21: director realserver apply --vip 192.0.2.10",
			stays:  11 * time.Minute,
			end:    func(*rig) {},
		},
		{
			name:   "a server that left",
			cause:  func(r *rig) { r.lan.RemoveNeighbor(real(21)) },
			what:   "real server 192.0.2.21 does not answer ARP any more; frames go to the last MAC known, " + realMAC(21).String(),
			remedy: "is the host up, and in this segment?", stays: time.Minute,
			end: func(r *rig) { r.lan.AddNeighbor(real(21), realMAC(21)) },
		},
		{
			name:  "no carrier",
			cause: func(r *rig) { r.lan.SetCarrier(false) },
			what:  "interface eth0: no carrier", remedy: "ip link set eth0 up, and look at the cable", stays: time.Second,
			end: func(r *rig) { r.lan.SetCarrier(true) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			within(t, func(r *rig) {
				r.up()
				r.pass(2 * time.Minute)
				if s := r.status(); len(s.Alarms) != 0 {
					t.Fatalf("before: %+v", s.Alarms)
				}
				began := r.status().Now
				c.cause(r)
				r.pass(time.Minute)
				s := r.status()
				if len(s.Alarms) != 1 {
					t.Fatalf("alarms: %+v", s.Alarms)
				}
				a := s.Alarms[0]
				if !strings.HasPrefix(a.What, c.what) || !strings.Contains(a.Remedy, c.remedy) {
					t.Errorf("alarm: %q, remedy %q", a.What, a.Remedy)
				}
				if a.Since.Before(began) || a.Since.After(began.Add(50*time.Second)) {
					t.Errorf("it began %v after its cause", a.Since.Sub(began))
				}
				c.end(r)
				r.pass(c.stays)
				if s = r.status(); len(s.Alarms) != 0 {
					t.Errorf("afterwards: %+v", s.Alarms)
				}
			})
		})
	}
}

// TestRefusedVIP: a VIP that another host had first is not answered for, and
// forwarded all the same.
func TestRefusedVIP(t *testing.T) {
	stranger := frame.MAC{2, 0, 0, 0, 0xbb, 1}
	within(t, func(r *rig) {
		r.lan.AddNeighbor(vip, stranger)
		r.up()
		r.pass(time.Minute)
		s := r.status()
		if len(s.VIPs) != 1 || s.VIPs[0].State != "refused" || s.VIPs[0].RefusedBy != stranger.String() || len(s.VIPs[0].Claimants) != 1 {
			t.Errorf("VIPs: %+v", s.VIPs)
		}
		if i := slices.IndexFunc(s.Alarms, func(a api.Alarm) bool { return strings.HasSuffix(a.What, stranger.String()+" has it") }); i < 0 {
			t.Errorf("alarms: %+v", s.Alarms)
		}
		if got := r.serversOf(1, 2); got[21] != 1 || got[22] != 1 {
			t.Errorf("two connections went to %v", got)
		}
	})
}

// TestGuardIsMissing: status says so when the kernel is let in while the
// director runs.
func TestGuardIsMissing(t *testing.T) {
	within(t, func(r *rig) {
		r.up()
		r.host.SetFindings(guard.Finding{Severity: guard.Refuse, What: "the guard cannot be put back"})
		r.pass(guard.Interval)
		if s := r.status(); s.Guard != "missing" || len(s.Alarms) != 1 {
			t.Errorf("guard %q, alarms %+v", s.Guard, s.Alarms)
		}
		if n := r.log.count("the guard cannot be put back"); n != 1 {
			t.Errorf("logged %d times", n)
		}
		r.pass(time.Minute)
		if n := r.log.count("the guard cannot be put back"); n != 1 {
			t.Errorf("logged %d times within a minute", n)
		}
	})
}
