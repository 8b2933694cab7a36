package main

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"

	"lvsdr/realserver"
)

// runRealserver runs `director realserver` with the arguments on that host.
func runRealserver(host realserver.Host, args ...string) (string, error) {
	cmd := realserverCommand(host)
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(args)
	err := cmd.Execute()
	return out.String(), err
}

func newRealserverHost() *realserver.Memory {
	m := realserver.NewMemory("eth0")
	m.Address = []realserver.Address{{Interface: "eth0", Prefix: netip.MustParsePrefix("192.0.2.21/24"), Label: "eth0"}}
	m.Defaults = []string{"eth0"}
	return m
}

// realserverStep is one command, what it prints in part, and its error if it
// is to fail.
type realserverStep struct{ args, want, fail string }

// realserverSteps runs the commands one after the other; afterwards the host is
// to be as before.
func realserverSteps(t *testing.T, steps []realserverStep) {
	t.Helper()
	host, state := newRealserverHost(), "--state-dir="+t.TempDir()
	before := host.Snapshot()
	for _, step := range steps {
		out, err := runRealserver(host, append(strings.Fields(step.args), state)...)
		if step.fail == "" && err != nil || step.fail != "" && (err == nil || !strings.Contains(err.Error(), step.fail)) {
			t.Errorf("%s: %v, want %q", step.args, err, step.fail)
		}
		if !strings.Contains(out, step.want) {
			t.Errorf("%s printed\n%swant in it\n%s", step.args, out, step.want)
		}
	}
	if host.Snapshot() != before {
		t.Error("the host is not as it was")
	}
}

func TestRealserverCommands(t *testing.T) {
	realserverSteps(t, []realserverStep{
		{"apply --print --vip 192.0.2.10", "sysctl -w net.ipv4.conf.all.arp_ignore=3\n", ""},
		{"check --vip 192.0.2.10", "wrong  192.0.2.10/32 is not on lo\n", "3 of 14 wrong"},
		{"undo", "nothing to undo\n", ""},
		{"apply --vip 192.0.2.10 --vip 2001:db8::10", "lo: add 192.0.2.10/32 scope host as lo:0\nlo: add 2001:db8::10/128\n", ""},
		{"apply --vip 192.0.2.10", "nothing to do\n", ""},
		{"check", "ok     192.0.2.10/32 is on lo, scope host\n", ""},
		{"undo --vip 2001:db8::10 --vip 192.0.2.99", "lo: remove 2001:db8::10/128\n192.0.2.99: nothing was applied for it\n", ""},
		{"undo", "lo: remove 192.0.2.10/32\nnet.ipv4.conf.eth0.arp_announce: 2 -> 0\n", ""},
	})
}

func TestRealserverRedirect(t *testing.T) {
	realserverSteps(t, []realserverStep{
		{"apply --print --method redirect --vip 192.0.2.10", "ip daddr 192.0.2.10 redirect; }; }'\n", ""},
		{"apply --method redirect --vip 192.0.2.10 --service tcp/80", "ip daddr 192.0.2.10 tcp dport 80 redirect", ""},
		{"apply --method redirect --vip 192.0.2.10 --service udp", "ip daddr 192.0.2.10 meta l4proto udp redirect", ""},
		{"apply --method redirect --vip 192.0.2.10 --service udp/53", "nothing to do\n", ""},
		{"check", "ok     nftables has table ip lvsdr_realserver_192.0.2.10, as it should be\n", ""},
		{"check --method sysctl --vip 192.0.2.10", "wrong  192.0.2.10/32 is not on lo\n", "3 of 14 wrong"},
		{"apply --vip 192.0.2.10", "", "method redirect was applied to it"},
		{"undo", "nftables: remove table ip lvsdr_realserver_192.0.2.10\n", ""},
	})
}

func TestRealserverARPTables(t *testing.T) {
	realserverSteps(t, []realserverStep{
		{"apply --print --method arptables --vip 192.0.2.10 --vip-on eth0", "ip addr add 192.0.2.10/32 dev eth0 scope host label eth0:0\n", ""},
		{"apply --method arptables --vip 192.0.2.10", "arp saddr ip 192.0.2.10 arp saddr ip set 192.0.2.21", ""},
		{"check", "ok     nftables has table arp lvsdr_realserver_192.0.2.10, as it should be\n", ""},
		{"undo", "lo: remove 192.0.2.10/32\nnftables: remove table arp lvsdr_realserver_192.0.2.10\n", ""},
	})
}

func TestRealserverPersist(t *testing.T) {
	realserverSteps(t, []realserverStep{
		{"apply --vip 192.0.2.10 --persist", "", "install it (make install)"},
		{"apply --vip 192.0.2.10 --persist --program director", "", "an absolute path is needed"},
		{"apply --vip 192.0.2.10 --persist --print --program /usr/sbin/director", "cat > /etc/systemd/system/director-realserver.service <<'EOF'\n# Written by", ""},
		{"apply --vip 192.0.2.10 --persist --program /usr/sbin/director", "/etc/systemd/system/director-realserver.service: write\n", ""},
		{"apply --vip 192.0.2.11 --persist --program /usr/sbin/director", "/etc/systemd/system/director-realserver.service: write anew\n" +
			"for systemctl to know before the next boot: systemctl daemon-reload\n", ""},
		{"undo --runtime --vip 192.0.2.10 --vip 192.0.2.11", "net.ipv4.conf.all.arp_ignore: 3 -> 0\n", ""},
		{"check", "wrong  192.0.2.10/32 is not on lo\n", "wrong"},
		{"undo --vip 192.0.2.11", "/etc/systemd/system/director-realserver.service: write anew\n", ""},
		{"undo", "/etc/sysctl.d/99-zz-director-realserver.conf: remove\nfor systemctl", ""},
	})
}

// What will undo it is said, and apply works all the same.
func TestRealserverForeign(t *testing.T) {
	host, state := newRealserverHost(), "--state-dir="+t.TempDir()
	host.Disk["etc/sysctl.d/50-lan.conf"] = &fstest.MapFile{Data: []byte("net.ipv4.conf.*.arp_ignore = 0\n")}
	for _, test := range []struct {
		args, want string
		warns      bool
	}{
		{"apply --vip 192.0.2.10 --print", "scope host label lo:0\n", false},
		{"apply --vip 192.0.2.10", "lo: add 192.0.2.10/32 scope host as lo:0\n" +
			"warning: /etc/sysctl.d/50-lan.conf:1 sets net.ipv4.conf.all.arp_ignore to 0, by net.ipv4.conf.*.arp_ignore: when", true},
		{"apply --vip 192.0.2.10 --json", "warning: /etc", true},
		{"apply --vip 192.0.2.10 --persist --program /usr/sbin/director", "99-zz-director-realserver.conf: write\n", false},
	} {
		out, err := runRealserver(host, append(strings.Fields(test.args), state)...)
		if err != nil || !strings.Contains(out, test.want) || strings.Contains(out, "warning") != test.warns {
			t.Errorf("%s: %v\n%s\nwant in it\n%s, warns %v", test.args, err, out, test.want, test.warns)
		}
	}
}

// A kernel without the patch is told what to use.
func TestRealserverHidden(t *testing.T) {
	realserverSteps(t, []realserverStep{
		{"apply --method hidden --vip 192.0.2.10", "", "use --method sysctl"},
		{"apply --print --method hidden --vip 192.0.2.10", "", "use --method sysctl"},
	})
}

func TestRealserverUsage(t *testing.T) {
	for _, args := range []string{
		"", "aply", "apply", "check", "apply 192.0.2.10", "apply --vip 192.0.2.300", "apply --vip 127.0.0.1",
		"apply --vip 192.0.2.10 --method magic", "apply --vip 192.0.2.10 --service tcp/80", "apply --vip 192.0.2.10 --vip-on eth0",
		"apply --vip 192.0.2.10 --method redirect --service http", "apply --vip 192.0.2.10 --method redirect --service tcp/90-80", "apply --vip 192.0.2.10 --arp-ignore 2", "apply --vips 192.0.2.10",
	} {
		host := newRealserverHost()
		before := host.Snapshot()
		out, err := runRealserver(host, append(strings.Fields(args), "--state-dir="+t.TempDir())...)
		var usage interface{ ExitCode() int }
		if !errors.As(err, &usage) || usage.ExitCode() != 2 {
			t.Errorf("%q: %v is not wrong usage; it printed\n%s", args, err, out)
		}
		if host.Snapshot() != before {
			t.Errorf("%q changed the host", args)
		}
	}
}
