package realserver

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"lvsdr/finding"
)

// oddNames are names that the kernel takes for interfaces.
var oddNames = []string{"$(id)", "a;id", "b'c", `d"e`, "`id`", "f*", "-n", "#g", "~", "h&", `i\j`, "k|l", "<m>", "!n", "eth0.10"}

// TestCommandsOfOddInterfaces: whatever name an interface has, the printed lines and
// remedies run no other programs than they should.
func TestCommandsOfOddInterfaces(t *testing.T) {
	for _, name := range oddNames {
		h := newHost(name)
		h.Address = append(h.Address, Address{Interface: name, Prefix: netip.MustParsePrefix("198.51.100.21/24")})
		h.Sysctl[ipv4Conf(name, "proxy_arp")] = "1"
		h.Sysctl[ipv6Conf(name, "disable_ipv6")] = "1"
		h.Link[len(h.Link)-1].MTU = 1000
		var lines []string
		for _, o := range []Options{
			options(t, vipA, vip6),
			{Method: MethodARPTables, VIPs: []netip.Addr{vipA}, AddressOn: name},
			{Method: MethodRedirect, VIPs: []netip.Addr{vipA, vip6}},
		} {
			o.StateDir = t.TempDir()
			plan, err := NewPlan(o, h)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, plan.Commands()...)
			findings, err := Check(o, h)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				if f.Remedy != "" && f.Name != NameListener {
					lines = append(lines, f.Remedy)
				}
			}
		}
		seen := false
		for _, line := range lines {
			seen = seen || strings.Contains(line, finding.ShellWord(name))
			wantOnly(t, line)
		}
		if !seen {
			t.Errorf("no line is about %s: %q", name, lines)
		}
	}
}

// wantOnly has a shell run the line, without a way to any program but these.
func wantOnly(t *testing.T, line string) {
	t.Helper()
	cmd := exec.Command("sh", "-ec", "ip() { :; }; sysctl() { :; }; nft() { :; }; director() { :; }\n"+line)
	cmd.Env, cmd.Dir = []string{"PATH=" + t.TempDir()}, t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s: %v: %s", line, err, out)
	}
}
