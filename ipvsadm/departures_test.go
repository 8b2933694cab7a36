package ipvsadm

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"lvsdr/admin/api"
)

// TestRefused: what the director does not do is refused with what to do
// instead, and nothing is asked of the director.
func TestRefused(t *testing.T) {
	for _, test := range []struct{ line, what, remedy string }{
		{"-a -t 10.99.0.100:80 -r 10.99.0.21 -m", "-m: ", "use -g"},
		{"-e -t 10.99.0.100:80 -r 10.99.0.21:8080 -m", "-m: ", "director realserver apply --vip"},
		{"-a -t 10.99.0.100:80 -r 10.99.0.21 -i", "-i: ", "use -g"},
		{"-a -t 10.99.0.100:80 -r 10.99.0.21 -i --tun-type gue --tun-port 6080", "-i: ", "use -g"},
		{"-a -t 10.99.0.100:80 -r [2001:db8::1]:80 -i", "-i: ", "use -g"},
		{"-A -t 10.99.0.100:80 -p --pe sip", "--pe sip: ", "use -p"},
		{"-E -t 10.99.0.100:80 -p --pe other", "--pe other: ", "use -p"},
		{"-A -t 10.99.0.100:80 -s rr -b flag-1", "-b flag-1: ", "leave it out"},
		{"-A -t 10.99.0.100:80 -s sh -b flag-1,flag-3", "-b flag-3: ", "means nothing to sh: leave it out"},
		{"-A -t 10.99.0.100:80 -p -M 255.0.255.0", "-M 255.0.255.0: ", "255.255.255.0"},
		{"-A -t 10.99.0.100:80 -p -M 24", "-M 0.0.0.24: ", "255.255.255.0"},
		{"-A -t 10.99.0.100:80 -p -M 0.0.0.0", "-M 0.0.0.0: ", "128.0.0.0"},
		{"--start-daemon master", "--start-daemon: ", "sh, mh or dh"},
		{"--start-daemon backup --syncid 3 --mcast-interface eth0", "--start-daemon: ", "a second director"},
		{"--stop-daemon backup", "--stop-daemon: ", "restart_grace"},
		{"--add-laddr -t 10.99.0.100:80 -z 10.99.0.5", "--add-laddr: ", "leave it out"},
		{"-P -t 10.99.0.100:80 -z 10.99.0.5", "-P: ", "FullNAT"},
		{"--del-laddr -t 10.99.0.100:80", "--del-laddr: ", "FullNAT"},
		{"-G", "-G: ", "FullNAT"},
		{"-a -t 10.99.0.100:80 -r 10.99.0.21 --fullnat", "--fullnat: ", "FullNAT"},
		{"-A -t 10.99.0.100:80 --laddr=10.0.0.1", "--laddr: ", "FullNAT"},
		{"-A -t 10.99.0.100:80 --synproxy enable", "--synproxy: ", "quotas"},
		{"--add-snat -f 1 -F 10.0.0.0/8", "--add-snat: ", "SNAT"},
	} {
		t.Run(test.line, func(t *testing.T) {
			d := new(fakeDirector)
			code, out, err := run(d, "", strings.Fields(test.line)...)
			if code != exitUsage || out != "" || !strings.HasPrefix(err, test.what) || !strings.Contains(err, test.remedy) {
				t.Errorf("exit code %d, %q; want %q and %q", code, err, test.what, test.remedy)
			}
			if strings.Count(err, "\n") != 1 || d.requests != 0 {
				t.Errorf("%d requests, message %q", d.requests, err)
			}
		})
	}
}

// TestOwn: what this takes and an ipvsadm does not.
func TestOwn(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{
			"-A -t [vip6.example.org]:http",
			"NEW_SERVICE svc af=6 proto=6 addr=2001:db8::100 port=80 sched=wlc flags=0 timeout=0 mask=80",
		},
		{
			"-a -f 7 -6 -r [six.of.one.with.a.long.name.example.org]:80",
			"NEW_DEST svc af=4 mark=7 sched= flags=0 timeout=0 mask=ffffffff dst af=6 addr=2001:db8::22 port=80 fwd=3 weight=1 u=0 l=0",
		},
		// -6 says how the netmask is written; the mark alone names the service.
		{"-A -f 7 -6", "NEW_SERVICE svc af=4 mark=7 sched=wlc flags=0 timeout=0 mask=ffffffff"},
		{"-A -f 7 -6 -p 10 -M 24", "NEW_SERVICE svc af=4 mark=7 sched=wlc flags=1 timeout=10 mask=ffffff00"},
		{"-A -f 7 -p 10 -M 255.255.255.0 -6", "NEW_SERVICE svc af=4 mark=7 sched=wlc flags=1 timeout=10 mask=ffffffff"},
		{"-D -f 7 -6", "DEL_SERVICE svc af=4 mark=7 sched= flags=0 timeout=0 mask=ffffffff"},
	} {
		t.Run(test.line, func(t *testing.T) {
			d := new(fakeDirector)
			if code, _, err := run(d, "", strings.Fields(test.line)...); code != exitDone || err != "" {
				t.Fatalf("exit code %d, %q", code, err)
			}
			if told := d.told(); !slices.Equal(told, []string{test.want}) {
				t.Errorf("%q\nwant %q", told, test.want)
			}
		})
	}
	const brackets = "-A -t [10.99.0.100]:80"
	if code, _, err := run(new(fakeDirector), "", strings.Fields(brackets)...); code != exitUsage ||
		err != "illegal virtual server address[:port] specified\n" { // an ipvsadm forgets the port
		t.Errorf("%s: exit code %d, %q", brackets, code, err)
	}
}

// TestDirectorRefuses: for codes that ipvsadm has no words for, the director's
// are printed.
func TestDirectorRefuses(t *testing.T) {
	for code, want := range map[string]string{
		api.CodeInvalid: "there is no scheduler nosuch\n", "new-code": "there is no scheduler nosuch\n",
		api.CodeServiceExists: "Service already exists\n",
	} {
		d := &fakeDirector{refuse: func(*api.Change) *api.Error {
			return &api.Error{Message: "there is no scheduler nosuch", Code: code}
		}}
		if got, _, err := run(d, "", "-A", "-t", "10.99.0.100:80", "-s", "nosuch"); got != exitRefused || err != want {
			t.Errorf("%s: exit code %d, %q; want %q", code, got, err, want)
		}
	}
}

// TestNobodyToAsk: the exit code is that of an ipvsadm whose kernel has no
// IPVS, and nothing is printed.
func TestNobodyToAsk(t *testing.T) {
	d := &fakeDirector{err: errors.New("ask the director at /s: no such file")}
	for _, line := range []string{
		"", "-L", "-Ln --stats", "-Lnc", "-L --timeout", "-L --daemon", "-S", "-C", "-Z", "-A -t 10.99.0.100:80", "--set 1 2 3",
	} {
		code, out, err := run(d, "", strings.Fields(line)...)
		if code != exitUsage || out != "" || err != "Can't initialize ipvs: ask the director at /s: no such file\n" {
			t.Errorf("%q: exit code %d, %q, %q", line, code, out, err)
		}
	}
	if code, out, _ := run(d, "", "--help"); code != exitDone || !strings.HasPrefix(out, versionLine+"\n") {
		t.Errorf("--help needs a director: exit code %d, %q", code, out)
	}
	busy := &fakeDirector{err: &api.Error{Message: "busy"}} // nothing is known of what it did
	if code, _, err := run(busy, "", "-C"); code != exitUsage || !strings.Contains(err, "busy") {
		t.Errorf("exit code %d, %q", code, err)
	}
}

// TestHelp: it names every option that is done here.
func TestHelp(t *testing.T) {
	_, out, _ := run(new(fakeDirector), "", "-h")
	for _, o := range optionTable {
		switch {
		case strings.HasPrefix(o.long, "tun-") && o.long != "tun-info", o.long == "ipv6":
			continue // in words
		case slices.Contains([]string{"syncid", "sync-maxlen", "masquerading", "ipip"}, o.long), strings.HasPrefix(o.long, "mcast-"):
			continue // refused
		}
		if !strings.Contains(out, "--"+o.long) {
			t.Errorf("--%s is not in the help", o.long)
		}
	}
	if strings.Contains(out, "PROGRAM") || !strings.Contains(out, "\n  ipvsadm -A|E SERVICE") {
		t.Errorf("the program has no name:\n%s", out)
	}
}
