package ipvsadm

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lvsdr/admin/api"
)

// FuzzArguments: no line makes parse panic; a mistake has an exit code and a
// text; and what is a service or a server is the same after -S and -R.
func FuzzArguments(f *testing.F) {
	for _, line := range []string{
		"-A -t 10.0.0.1:80 -s sh -b sh-port,flag-1 -p 300 -M 255.255.255.0", "-Aou 010.1:domain", "-a -f 7 -6 -r [2001:db8::2]:9",
		"-a -t [vip6.example.org]:http -r 2001:db8::2 -w +5 -x9 --l-threshold=4", "--set -- 1 2 3", "-Lnc --persistent-conn",
		"-A --sctp-service vip.example.org:0 -p -s=mh", "-Z -t 0.0.0.0:0", "-A -f 7 -6 -p9 -M 32", "-p- -t= --", "--laddr=x -P",
		"-a -r 10.0.0.2 -u 10.0.0.1:53 -i --tun-type gue --tun-port 1 --tun-csum", "-A -t ::ffff:10.0.0.1 -p", "-S -n", "-- -A",
	} {
		f.Add(strings.ReplaceAll(line, " ", "\x00"))
	}
	f.Fuzz(func(t *testing.T, line string) {
		r, err := parse(strings.Split(line, "\x00"), testNames())
		if err != nil {
			m := (*mistake)(nil)
			if !errors.As(err, &m) || m.code == exitDone || m.text == "" {
				t.Errorf("%q: %#v", line, err)
			}
			return
		}
		comesBack(t, r)
	})
}

// FuzzRules: no file makes parseRules panic; a mistake has its place; and each
// change is the same after -S and -R.
func FuzzRules(f *testing.F) {
	f.Add([]byte("-A -t 10.0.0.1:80 -s rr\n\n# x\nipvsadm -a -t 10.0.0.1:80 -r 10.0.0.2 -g\r\n--set 1 2 3\n-C"))
	f.Add([]byte("-A -f 7 -p 300\n-a -f 7 -r s3:http -w 9 -x 5\n-E -f 7 -s mh -b mh-port\n-Z\n-L"))
	f.Add([]byte("\t \n-A\x00 -u\v[::1]:53 -o\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		rules, err := parseRules("r", bytes.NewReader(file), testNames())
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !placed.MatchString(line) {
					t.Errorf("%q has no place", line)
				}
			}
			return
		}
		lines := newLineReader(bytes.NewReader(file))
		for i := range rules.Changes {
			words, err := lines.read()
			if err != nil {
				t.Fatal(err)
			}
			r, err := parse(words, testNames())
			if err != nil || cmp.Diff(r.change(), &rules.Changes[i]) != "" {
				t.Fatalf("%q: %+v, %v", words, rules.Changes[i], err)
			}
			comesBack(t, r)
		}
		if words, err := lines.read(); !errors.Is(err, io.EOF) {
			t.Errorf("%q is no change, %v", words, err)
		}
	})
}

var (
	placed    = regexp.MustCompile(`^r:[1-9]\d*: `)
	plainName = regexp.MustCompile(`^[a-z]+$`)
)

// comesBack tests that a new service or server, shown by a director that has
// it, is saved in a line that says the same.
func comesBack(t *testing.T, r *request) {
	c := r.change()
	if c == nil || c.Op != api.AddService && c.Op != api.AddServer {
		return
	}
	v := c.Service
	s := api.Service{
		Protocol: v.Protocol, Addresses: []string{v.Address}, Scheduler: "rr", Flags: v.Flags, Mark: v.Mark,
		Persistence: v.Persistence, Prefix: v.Prefix, OnePacket: v.OnePacket,
	}
	if c.Op == api.AddService {
		if s.Scheduler = v.Scheduler; !plainName.MatchString(v.Scheduler) || v.Scheduler == "ipvsadm" {
			return // no director has it
		}
	}
	if v.Mark != 0 {
		s.Protocol, s.Addresses = "tcp", []string{"192.0.2.1:80"}
		if r.service.ipv6 {
			s.Addresses = []string{"[2001:db8::1]:80"}
		}
	}
	if d := c.Server; d != nil {
		s.Persistence = 300 // or it had no port 0
		s.Servers = []api.RealServer{{Address: d.Address, Configured: d.Weight, Upper: d.Upper, Lower: d.Lower}}
	}
	var saved bytes.Buffer
	out := session{Command: Command{Names: testNames()}, out: bufio.NewWriter(&saved)}
	all, err := entries(&api.Status{Services: []api.Service{s}})
	if err == nil {
		err = out.save(all, true)
	}
	out.out.Flush()
	if err != nil {
		t.Fatalf("%+v: %v", s, err)
	}
	rules, err := parseRules("saved", &saved, testNames())
	if err != nil {
		t.Fatalf("%+v: %v", s, err)
	}
	if diff := cmp.Diff(*c, rules.Changes[len(rules.Changes)-1]); diff != "" {
		t.Errorf("%s(-before +after):\n%s", saved.String(), diff)
	}
}
