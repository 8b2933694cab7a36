package realserver

import (
	"net/netip"
	"strings"
	"testing"
)

// TestFindingsNameTheVIP: one of several VIPs is told from the others by what is said
// of it, and nothing is called by a word of the program's own.
func TestFindingsNameTheVIP(t *testing.T) {
	for _, method := range []string{MethodSysctl, MethodRedirect} {
		h, o := newHost(), options(t, vipA, vipB)
		h.Defaults = nil
		o.Method, o.Clients = method, []netip.Addr{faraway}
		mustApply(t, o, h)
		findings, err := Check(o, h)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, f := range findings {
			switch f.Name {
			case NameListener:
				n++
				if !strings.HasPrefix(f.What, "nothing serves "+f.VIP.String()+": nothing listens on 0.0.0.0") &&
					!strings.HasPrefix(f.What, "nothing serves "+f.VIP.String()+": nothing listens on "+f.VIP.String()) {
					t.Errorf("%s: %+v", method, f)
				}
			case NameReplyRoute:
				n++
				if want := "replies of " + f.VIP.String() + " to 198.51.100.7 have no route"; f.What != want {
					t.Errorf("%s: %q, want %q", method, f.What, want)
				}
			}
		}
		if n != 4 {
			t.Errorf("%s: %d findings of services and replies, want 4", method, n)
		}
	}
}

// TestRedirectOnOneFamily: an IPv6 VIP on a host one of whose LANs has none is wrong by
// default, and the remedy is to name the other LAN.
func TestRedirectOnOneFamily(t *testing.T) {
	h, o := twoLANs(), options(t, vip6)
	o.Method = MethodRedirect
	mustApply(t, o, h)
	remedy := func() (text string) {
		t.Helper()
		findings, err := Check(o, h)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range findings {
			if f.Name == NameRedirectAddress && !f.OK {
				text += f.Remedy
			}
		}
		return text
	}
	if got := remedy(); !strings.Contains(got, "dev eth1  # if the VIPs' packets arrive there; if not, name the interface on which they do: --interface") {
		t.Errorf("remedy %q", got)
	}
	o.Interfaces = []string{"eth0"}
	if got := remedy(); got != "" {
		t.Errorf("with --interface, yet: %q", got)
	}
}
