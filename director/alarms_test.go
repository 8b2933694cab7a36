package director_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lvsdr/admin/api"
	"lvsdr/arp"
	"lvsdr/finding"
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
		kind   finding.Kind
		what   string
		remedy string
		stays  time.Duration // how long the alarm may outlast its cause
		end    func(*rig)
	}{
		{
			name: "kernel",
			cause: func(r *rig) {
				r.host.SetFindings(guard.Finding{Severity: guard.Alarm, Kind: finding.HostOffload, What: "it is odd", Why: "so", Remedy: "even it"})
			},
			kind: finding.HostOffload, what: "it is odd: so", remedy: "on this host: even it", stays: guard.Interval,
			end: func(r *rig) { r.host.SetFindings() },
		},
		{
			name: "another host has the VIP",
			cause: func(r *rig) {
				r.lan.AddNeighbor(vip, stranger)
				r.lan.Announce(vip, stranger)
			},
			kind: finding.VIPElsewhere,
			what: "a host that is neither the director nor a real server, " + stranger.String() +
				" (locally administered), announces the VIP 192.0.2.10 by ARP as its own address: ",
			remedy: "on the host with " + stranger.String() + ": ip -o addr show to 192.0.2.10 |",
			stays:  11 * time.Minute,
			end:    func(r *rig) { r.lan.RemoveNeighbor(vip) },
		},
		{
			name: "a real server has the VIP",
			cause: func(r *rig) {
				r.lan.Announce(vip, realMAC(21))
			},
			kind:   finding.VIPAtServer,
			what:   "real server 192.0.2.21 (" + realMAC(21).String() + ") announces the VIP 192.0.2.10 by ARP as its own address: clients",
			remedy: "director realserver apply --vip 192.0.2.10",
			stays:  11 * time.Minute,
			end:    func(*rig) {},
		},
		{
			name: "real servers share a MAC address",
			cause: func(r *rig) {
				r.lan.AddNeighbor(real(22), realMAC(21))
				r.lan.Announce(real(22), realMAC(21))
			},
			kind:   finding.ServerMAC,
			what:   "the real servers 192.0.2.21 and 192.0.2.22 have one MAC address, " + realMAC(21).String(),
			remedy: `on real server 192.0.2.22: ip link set dev "$(ip -o addr show to 192.0.2.22 `,
			stays:  2 * time.Second,
			end: func(r *rig) {
				r.lan.AddNeighbor(real(22), realMAC(22))
				r.lan.Announce(real(22), realMAC(22))
			},
		},
		{
			name:   "a server that left",
			cause:  func(r *rig) { r.lan.RemoveNeighbor(real(21)) },
			kind:   finding.ServerAbsent,
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
				if a.Kind != string(c.kind) || !strings.HasPrefix(a.What, c.what) || !strings.Contains(a.Remedy, c.remedy) {
					t.Errorf("alarm: %s, %q, remedy %q", a.Kind, a.What, a.Remedy)
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

// TestClaims: a claim in ARP is named by its way.
func TestClaims(t *testing.T) {
	stranger := frame.MAC{2, 0, 0, 0, 0xbb, 1}
	within(t, func(r *rig) {
		r.up()
		r.pass(time.Minute)
		r.lan.Say(arp.Request, vip, realMAC(22), real(9))
		r.lan.Say(arp.Reply, vip, stranger, real(9))
		r.pass(time.Second)
		var all []string
		for _, a := range r.status().Alarms {
			all = append(all, a.What)
		}
		text := strings.Join(all, "\n")
		for _, want := range []string{
			"real server 192.0.2.22 (" + realMAC(22).String() + ") asks by ARP with the VIP 192.0.2.10 as its own address",
			stranger.String() + " (locally administered), answers ARP for the VIP 192.0.2.10",
		} {
			if len(all) != 2 || !strings.Contains(text, want) {
				t.Errorf("alarms are %q, want %q", all, want)
			}
		}
	})
}

// TestEgressMTU: an egress with a smaller MTU than the ingress is an alarm as long as
// it is.
func TestEgressMTU(t *testing.T) {
	within(t, func(r *rig) {
		out := r.host.AddInterface("eth1", outMAC, netip.MustParsePrefix("192.0.2.2/24"))
		out.AddNeighbor(real(21), realMAC(21))
		out.AddNeighbor(real(22), realMAC(22))
		r.write("egress: eth1\n" + r.text)
		r.up()
		for _, mtu := range []int{1500, 1400, 9000} {
			out.SetMTU(mtu)
			r.pass(guard.Interval)
			s := r.status()
			if mtu >= 1500 && len(s.Alarms) != 0 {
				t.Errorf("MTU %d: %+v", mtu, s.Alarms)
			}
			const what, remedy = "the MTU of eth1, 1400, is smaller than that of eth0, 1500: ", "on this host: ip link set dev eth1 mtu 1500"
			if mtu < 1500 && (len(s.Alarms) != 1 || !strings.HasPrefix(s.Alarms[0].What, what) || s.Alarms[0].Remedy != remedy) {
				t.Errorf("MTU %d: %+v", mtu, s.Alarms)
			}
		}
	})
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
