package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// edited is the file that the tests of Editor change.
const edited = `ingress: eth0
vips: [192.0.2.19]
services:
  - name: web
    address: 192.0.2.10:80
    timeouts: {tcp: 10m}
    real_servers:
      - {address: 192.0.2.21, weight: 3, mac: "02:00:00:00:00:21"}
      - 192.0.2.22
  - name: group
    address: [192.0.2.11:0, 192.0.2.12:8000-8099]
    protocol: udp
    persistence: 5m
    mark: 7
  - address: [192.0.2.13:80, 192.0.2.13:443]
    real_servers: [192.0.2.22]
`

var (
	web    = ServiceID{Protocol: TCP, Address: "192.0.2.10:80"}
	group  = ServiceID{Mark: 7}
	secure = ServiceID{Protocol: TCP, Address: "192.0.2.13:443"}
	fresh  = ServiceID{Protocol: TCP, Address: "192.0.2.14:80"}
)

// What show prints of a TCP service with nothing but defaults: of the file's,
// and of one that an operator made.
const (
	rest = "/tcp wlc[] 15m0s reject rst check tcp up false"
	made = "/tcp wlc[] 15m0s reject rst check none up true"
)

func tcp(address string) ServiceID { return ServiceID{Protocol: TCP, Address: address} }

// step is one change, and what shall come of it: a service line as show has it,
// or an error.
type step struct {
	do   func(e *Editor) error
	want string
}

func add(id ServiceID, o ServiceSettings) func(*Editor) error {
	return func(e *Editor) error { return e.AddService(id, o) }
}

func edit(id ServiceID, o ServiceSettings) func(*Editor) error {
	return func(e *Editor) error { return e.EditService(id, o) }
}

func del(id ServiceID) func(*Editor) error {
	return func(e *Editor) error { return e.DeleteService(id) }
}

func addServer(id ServiceID, o ServerSettings) func(*Editor) error {
	return func(e *Editor) error { return e.AddServer(id, o) }
}

func editServer(id ServiceID, o ServerSettings) func(*Editor) error {
	return func(e *Editor) error { return e.EditServer(id, o) }
}

func delServer(id ServiceID, address string) func(*Editor) error {
	return func(e *Editor) error { return e.DeleteServer(id, address) }
}

func set(t Timeouts) func(*Editor) error {
	return func(e *Editor) error { return e.SetTimeouts(t) }
}

// show is a Config on as few lines as possible.
func show(c *Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %v vips %v\n", c.Timeouts, c.Quotas, c.VIPs)
	for _, s := range c.Services {
		fmt.Fprintf(&b, "%s %v/%s %s%v", s.Name, s.Addresses, s.Protocol, s.Scheduler, s.Flags)
		if s.Mark != 0 {
			fmt.Fprintf(&b, " mark %d", s.Mark)
		}
		if s.Persistence.Timeout != 0 {
			fmt.Fprintf(&b, " persistent %v /%d", s.Persistence.Timeout, s.Persistence.Prefix)
		}
		if s.OnePacket {
			b.WriteString(" ops")
		}
		fmt.Fprintf(&b, " %v reject %s check %s up %t", s.Timeouts.TCP, s.Reject, s.Check.Kind, s.AssumeUp)
		for _, r := range s.RealServers {
			fmt.Fprintf(&b, " %s:%d=%d", r.Addr, r.Port, r.Weight)
			if r.MarkPort != 0 {
				fmt.Fprintf(&b, "named:%d", r.MarkPort)
			}
			if r.Upper != 0 {
				fmt.Fprintf(&b, "(%d-%d)", r.Lower, r.Upper)
			}
			if !r.MAC.IsZero() {
				b.WriteString("pinned")
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// play does the steps one after the other on the file, and compares.
func play(t *testing.T, text string, steps []step) *Config {
	t.Helper()
	file := parse(t, text)
	before := show(file)
	e := NewEditor(file, file)
	for i, s := range steps {
		last := show(e.Config())
		err := s.do(e)
		now := e.Config()
		switch {
		case err != nil:
			if err.Error() != s.want {
				t.Errorf("step %d:\ngot  %v\nwant %s", i, err, s.want)
			}
			if d := cmp.Diff(last, show(now)); d != "" {
				t.Errorf("step %d was refused and did this:\n%s", i, d)
			}
		case !strings.Contains(show(now), s.want) || s.want == "":
			t.Errorf("step %d: no %q in:\n%s", i, s.want, show(now))
		}
		checkValid(t, now, fmt.Sprint("step ", i))
	}
	if show(file) != before {
		t.Errorf("the editor changed what it was made of:\n%s", show(file))
	}
	return e.Config()
}

func TestEditServices(t *testing.T) {
	play(t, edited, []step{
		// A service has the defaults of the file, but no checks.
		{add(fresh, ServiceSettings{}), "\ntcp-192.0.2.14-80 [192.0.2.14:80]" + made + "\n"},
		{
			add(ServiceID{Protocol: UDP, Address: "192.0.2.14:53"}, ServiceSettings{Scheduler: "sh", Flags: []string{"sh-port"}, OnePacket: true}),
			"\nudp-192.0.2.14-53 [192.0.2.14:53]/udp sh[sh-port] ops 15m0s reject icmp check none up true\n",
		},
		{
			add(ServiceID{Protocol: SCTP, Address: "192.0.2.14:0"}, ServiceSettings{Persistence: Persistence{Timeout: time.Hour, Prefix: 24}}),
			"\nsctp-192.0.2.14-0 [192.0.2.14:0]/sctp wlc[] persistent 1h0m0s /24 15m0s reject icmp check none up true\n",
		},
		{add(tcp("192.0.2.14:0"), ServiceSettings{Persistence: Persistence{Timeout: 5 * time.Minute}}), " persistent 5m0s /32 "},

		// It may not be there, nor in the way.
		{add(fresh, ServiceSettings{}), "service 192.0.2.14:80/tcp: there is such a service already"},
		{add(web, ServiceSettings{}), "service 192.0.2.10:80/tcp: there is such a service already"},
		{
			add(ServiceID{Protocol: UDP, Address: "192.0.2.12:8005"}, ServiceSettings{}),
			`address: 192.0.2.12:8005/udp overlaps with 192.0.2.12:8000-8099 in line 10, service "group"; list each address, port and protocol once`,
		},
		{
			add(ServiceID{Protocol: UDP, Address: "192.0.2.11:0"}, ServiceSettings{Persistence: Persistence{Timeout: time.Minute}}),
			`address: 192.0.2.11:0/udp is listed in line 10 already, service "group"; list each address, port and protocol once`,
		},
		{
			add(tcp("192.0.2.21:80"), ServiceSettings{}),
			`address: 192.0.2.21 is a real server of service "web"; write an address that no real server has`,
		},

		// What the file would be refused for.
		{add(tcp("192.0.2.15"), ServiceSettings{}), `address: "192.0.2.15" names no port; write 192.0.2.15:80, or a range such as 192.0.2.15:8000-8099`},
		{add(tcp("127.0.0.1:80"), ServiceSettings{}), "address: 127.0.0.1 is a loopback address; write a unicast address of the LAN"},
		{add(tcp(""), ServiceSettings{}), `address: "" is not an IP address; write one such as 192.0.2.10:80`},
		{add(tcp("[2001:db8::1]:80"), ServiceSettings{}), "address: IPv6 services need neighbour discovery, which this version does not have; write an IPv4 address"},
		{add(ServiceID{Protocol: "icmp", Address: "192.0.2.15:80"}, ServiceSettings{}), `protocol: "icmp" is unknown; write one of tcp, udp or sctp`},
		{add(tcp("192.0.2.15:80"), ServiceSettings{Scheduler: "wlcc"}), `scheduler: "wlcc" is unknown; did you mean wlc?`},
		{
			add(tcp("192.0.2.15:80"), ServiceSettings{Scheduler: "sh", Flags: []string{"mh-port", "sh-fallbak"}}),
			"flags[0]: \"mh-port\" is not a flag of sh; did you mean sh-port?\nflags[1]: \"sh-fallbak\" is not a flag of sh; did you mean sh-fallback?",
		},
		{
			add(tcp("192.0.2.15:80"), ServiceSettings{Persistence: Persistence{Timeout: 25 * time.Hour, Prefix: 33}}),
			"persistence.netmask: 33 is out of range; write a whole number from 1 to 32\npersistence.timeout: 25h is out of range; write a duration from 1s to 24h",
		},
		{add(tcp("192.0.2.15:80"), ServiceSettings{OnePacket: true}), "one_packet: is for UDP only; remove it: the packets of a connection must stay together"},
		{add(tcp("192.0.2.15:0"), ServiceSettings{}), "address: port 0 (any port) needs persistence; add persistence: 5m, or name a port, or a range such as 8000-8099"},
		{
			add(ServiceID{Mark: 8}, ServiceSettings{}),
			"mark: 8 is the mark of no service in the configuration file; write there which addresses it stands for: a service with mark: 8, and reload",
		},

		// Editing replaces all that is said, and nothing else.
		{edit(web, ServiceSettings{Scheduler: "mh", Persistence: Persistence{Timeout: time.Minute}}), "\nweb [192.0.2.10:80]/tcp mh[] persistent 1m0s /32 10m0s reject rst check tcp up false 192.0.2.21:80=3pinned 192.0.2.22:80=1\n"},
		{edit(web, ServiceSettings{}), "\nweb [192.0.2.10:80]/tcp wlc[] 10m0s reject rst check tcp up false 192.0.2.21:80=3pinned 192.0.2.22:80=1\n"},
		{edit(ServiceID{Name: "group"}, ServiceSettings{OnePacket: true, Persistence: Persistence{Timeout: time.Minute, Prefix: 8}}), " mark 7 persistent 1m0s /8 ops "},
		{edit(group, ServiceSettings{}), "\ngroup [192.0.2.11:0 192.0.2.12:8000-8099]/udp wlc[] mark 7 15m0s "},
		{edit(ServiceID{Protocol: SCTP, Address: "192.0.2.14:0"}, ServiceSettings{}), "persistence: port 0 (any port) needs persistence; add persistence: 5m, or name a port, or a range such as 8000-8099"},
		{edit(web, ServiceSettings{OnePacket: true}), "one_packet: is for UDP only; remove it: the packets of a connection must stay together"},
		{edit(web, ServiceSettings{Flags: []string{"sh-port"}}), `flags[0]: "sh-port" is not a flag of wlc; remove it: wlc has no flags`},
		{edit(tcp("192.0.2.10:81"), ServiceSettings{}), "service 192.0.2.10:81/tcp: there is no such service"},
		{edit(ServiceID{Name: "wep"}, ServiceSettings{}), "service wep: there is no such service"},
		{edit(ServiceID{Mark: 8}, ServiceSettings{}), "service with mark 8: there is no such service"},
		{
			edit(ServiceID{Protocol: UDP, Address: "192.0.2.11:0"}, ServiceSettings{}),
			"service 192.0.2.11:0/udp: there is no such service: this address belongs to the service with mark 7, name that",
		},
	})
}

// TestAddServiceForMark: a service that the file has so that its mark stands for
// something is none yet for ipvsadm, once.
func TestAddServiceForMark(t *testing.T) {
	const exists = "service with mark 7: there is such a service already"
	sh := ServiceSettings{Scheduler: "sh", Flags: []string{"sh-port"}}
	steps := []step{
		{add(group, ServiceSettings{Scheduler: "shh"}), `scheduler: "shh" is unknown; did you mean sh?`},
		{add(group, sh), "\ngroup [192.0.2.11:0 192.0.2.12:8000-8099]/udp sh[sh-port] mark 7 15m0s reject icmp check none up true\n"},
		{add(group, sh), exists},
		{del(group), "vips [192.0.2.19 192.0.2.11 192.0.2.12]\n"},
		{add(group, ServiceSettings{}), "\ngroup [192.0.2.11:0 192.0.2.12:8000-8099]/udp wlc[] mark 7 15m0s "},
		{add(group, ServiceSettings{}), exists},
	}
	play(t, edited, steps)
	c := play(t, edited, steps[:2])
	if i := len(c.Services); i != 3 || c.Services[1].Name != "group" {
		t.Errorf("it has lost its place:\n%s", show(c))
	}
	// One that has real servers, or had them in the file, is a service.
	play(t, edited, []step{
		{addServer(group, ServerSettings{Address: "192.0.2.31", Weight: 1}), " 192.0.2.31:0=1\n"},
		{add(group, sh), exists},
		{delServer(group, "192.0.2.31"), "\ngroup "},
		{add(group, sh), "\ngroup "},
	})
	play(t, strings.Replace(edited, "mark: 7", "mark: 7\n    real_servers: [192.0.2.31]", 1), []step{
		{add(group, sh), exists},
		{delServer(group, "192.0.2.31"), "\ngroup "},
		{add(group, sh), exists},
	})
}

func TestDeleteServices(t *testing.T) {
	c := play(t, edited, []step{
		{del(web), "vips [192.0.2.19 192.0.2.10]\n"},
		{del(web), "service 192.0.2.10:80/tcp: there is no such service"},
		// One of several addresses is all that goes.
		{del(secure), "\ntcp-192.0.2.13-80 [192.0.2.13:80]" + rest + " 192.0.2.22:80=1\n"},
		{add(secure, ServiceSettings{}), "\ntcp-192.0.2.13-443 [192.0.2.13:443]/tcp "},
		{del(tcp("192.0.2.13:80")), "vips [192.0.2.19 192.0.2.10 192.0.2.13]\n"},
		// Its default name is that of another service in the file.
		{add(tcp("192.0.2.13:80"), ServiceSettings{}), "\ntcp-192.0.2.13-80-2 [192.0.2.13:80]/tcp "},
		{del(group), "vips [192.0.2.19 192.0.2.10 192.0.2.13 192.0.2.11 192.0.2.12]\n"},
		// The same service again has its name again; a mark stands for its addresses.
		{add(web, ServiceSettings{Scheduler: "rr"}), "\nweb [192.0.2.10:80]/tcp rr[] 15m0s reject rst check none up true\n"},
		{
			add(group, ServiceSettings{Persistence: Persistence{Timeout: time.Minute}}),
			"\ngroup [192.0.2.11:0 192.0.2.12:8000-8099]/udp wlc[] mark 7 persistent 1m0s /32 ",
		},
		{del(group), "vips"},
		{add(group, ServiceSettings{}), "\ngroup [192.0.2.11:0 192.0.2.12:8000-8099]/udp wlc[] mark 7 15m0s "},
		// The VIPs are VIPs still.
		{addServer(web, ServerSettings{Address: "192.0.2.11", Weight: 1}), "address: 192.0.2.11 is a VIP; write the real server's own address"},
		{func(e *Editor) error { e.Clear(); return nil }, "{25 100} vips [192.0.2.19 192.0.2.10 192.0.2.13 192.0.2.11 192.0.2.12]\n"},
		{add(tcp("192.0.2.22:80"), ServiceSettings{}), "\ntcp-192.0.2.22-80 "}, // it was a real server
	})
	if len(c.Services) != 1 {
		t.Errorf("%d services are left", len(c.Services))
	}
}

func TestEditServers(t *testing.T) {
	play(t, edited, []step{
		{addServer(web, ServerSettings{Address: "192.0.2.23:80", Weight: 2, Upper: 10, Lower: 5}), " 192.0.2.22:80=1 192.0.2.23:80=2(5-10)\n"},
		// Direct routing keeps the port; ipvsadm does not complain.
		{addServer(web, ServerSettings{Address: "192.0.2.24:8080", Weight: 0}), " 192.0.2.24:80=0\n"},
		{addServer(web, ServerSettings{Address: "192.0.2.25", Weight: 65535}), " 192.0.2.25:80=65535\n"},
		{addServer(secure, ServerSettings{Address: "192.0.2.25:443", Weight: 1}), "192.0.2.22:80=1 192.0.2.25:443=1\n"},
		{addServer(group, ServerSettings{Address: "192.0.2.25:0", Weight: 1}), "check none up true 192.0.2.25:0=1\n"},
		{addServer(group, ServerSettings{Address: "192.0.2.26:9", Weight: 1}), " 192.0.2.25:0=1 192.0.2.26:9=1named:9\n"},
		{editServer(group, ServerSettings{Address: "192.0.2.26:0", Weight: 2}), " 192.0.2.26:9=2named:9\n"},
		{delServer(group, "192.0.2.26:9"), "check none up true 192.0.2.25:0=1\n"},
		// A pinned MAC address is the host's, in every service.
		{addServer(group, ServerSettings{Address: "192.0.2.21", Weight: 1}), " 192.0.2.21:0=1pinned\n"},

		{addServer(web, ServerSettings{Address: "192.0.2.23:81", Weight: 2}), "real server 192.0.2.23: the service has this real server already"},
		{addServer(web, ServerSettings{Address: "192.0.2.19", Weight: 2}), "address: 192.0.2.19 is a VIP; write the real server's own address"},
		{addServer(web, ServerSettings{Address: "192.0.2.12", Weight: 2}), "address: 192.0.2.12 is a VIP; write the real server's own address"},
		{addServer(web, ServerSettings{Address: "192.0.2.26", Weight: 65536}), "weight: 65536 is out of range; write a whole number from 0 to 65535"},
		{addServer(web, ServerSettings{Address: "192.0.2.26", Weight: -1}), "weight: -1 is out of range; write a whole number from 0 to 65535"},
		{
			addServer(web, ServerSettings{Address: "192.0.2.26", Upper: 5, Lower: 6}),
			"lower: 6 is above upper (5); write a lower that is at most upper, or 0 for three quarters of it",
		},
		{addServer(web, ServerSettings{Address: "224.0.0.1"}), "address: 224.0.0.1 is a multicast address; write a unicast address of the LAN"},
		{addServer(web, ServerSettings{Address: "2001:db8::1"}), "address: 2001:db8::1 is IPv6, the service's VIP is not; write an address of the VIP's family"},
		{addServer(web, ServerSettings{Address: "192.0.2.26:http"}), `address: port "http" is not a number from 1 to 65535; write the address alone: direct routing keeps the client's port`},
		{addServer(tcp("192.0.2.77:80"), ServerSettings{Address: "192.0.2.26"}), "service 192.0.2.77:80/tcp: there is no such service"},
		{addServer(tcp("nonsense"), ServerSettings{Address: "192.0.2.26"}), `address: "nonsense" is not an IP address; write one such as 192.0.2.10:80`},

		// Editing keeps the server's place, port and MAC address.
		{editServer(web, ServerSettings{Address: "192.0.2.21:80", Weight: 0, Upper: 9}), " 192.0.2.21:80=0(0-9)pinned 192.0.2.22:80=1 "},
		{editServer(web, ServerSettings{Address: "192.0.2.21", Weight: 7}), " 192.0.2.21:80=7pinned 192.0.2.22:80=1 "},
		{editServer(web, ServerSettings{Address: "192.0.2.26", Weight: 7}), "real server 192.0.2.26: the service has no such real server"},
		{editServer(web, ServerSettings{Address: "192.0.2.21", Weight: 70000}), "weight: 70000 is out of range; write a whole number from 0 to 65535"},
		{editServer(ServiceID{Name: "wep"}, ServerSettings{Address: "192.0.2.21"}), "service wep: there is no such service"},

		// One that comes back is the last, with its pinned MAC address.
		{delServer(web, "192.0.2.21:80"), "up false 192.0.2.22:80=1 "},
		{delServer(web, "192.0.2.21:80"), "real server 192.0.2.21: the service has no such real server"},
		{delServer(ServiceID{Name: "wep"}, "192.0.2.21"), "service wep: there is no such service"},
		{delServer(web, "rs1"), `address: "rs1" is not an IP address; write one such as 192.0.2.21`},
		{addServer(web, ServerSettings{Address: "192.0.2.21", Weight: 1}), " 192.0.2.25:80=65535 192.0.2.21:80=1pinned\n"},

		// An address that no real server has any more may be a VIP.
		{delServer(web, "192.0.2.23"), "192.0.2.24:80=0 "},
		{add(tcp("192.0.2.23:80"), ServiceSettings{}), "\ntcp-192.0.2.23-80 "},
	})
}

// The kernel takes thresholds that are the same.
func TestEqualThresholds(t *testing.T) {
	play(t, edited, []step{
		{addServer(web, ServerSettings{Address: "192.0.2.26", Weight: 1, Upper: 5, Lower: 5}), " 192.0.2.26:80=1(5-5)\n"},
	})
}

// What the file knows is known after any number of changes.
func TestEditorKnowsTheFile(t *testing.T) {
	file := parse(t, `ingress: eth0
services:
  - {name: web, address: 192.0.2.10:80, real_servers: [{address: 192.0.2.21, mac: "02:00:00:00:00:21"}]}
  - {name: marked, address: 192.0.2.11:80, mark: 7}
`)
	running := NewEditor(file, file)
	running.Clear()
	e := NewEditor(running.Config(), file)
	for _, err := range []error{
		e.AddService(web, ServiceSettings{}),
		e.AddServer(web, ServerSettings{Address: "192.0.2.21", Weight: 1}),
		e.AddService(tcp("192.0.2.11:80"), ServiceSettings{}), // not by its mark: another service
	} {
		if err != nil {
			t.Error(err)
		}
	}
	const want = " vips [192.0.2.10 192.0.2.11]\n" +
		"web [192.0.2.10:80]" + made + " 192.0.2.21:80=1pinned\n" +
		"tcp-192.0.2.11-80 [192.0.2.11:80]" + made + "\n"
	if got := show(e.Config()); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	// A name is given once, whatever the file says.
	c := parse(t, "ingress: eth0\nservices: [{name: web, address: 192.0.2.14:80}]")
	e = NewEditor(c, file)
	if err := e.AddService(web, ServiceSettings{}); err != nil {
		t.Fatal(err)
	}
	checkValid(t, e.Config(), "a name of the file's that is taken")
}

// A probe needs a port, whoever adds the real server.
func TestAddServerToBeChecked(t *testing.T) {
	any0 := tcp("192.0.2.10:0")
	play(t, `ingress: eth0
services:
  - {address: 192.0.2.10:0, persistence: 5m, real_servers: ["192.0.2.21:80"]}
`, []step{
		{addServer(any0, ServerSettings{Address: "192.0.2.22:80", Weight: 1}), " 192.0.2.22:80=1\n"},
		{
			addServer(any0, ServerSettings{Address: "192.0.2.23:0", Weight: 1}),
			"check: goes to no port, since the service takes any; add a port: to it, or write kind: none, or real servers with ports, such as 192.0.2.21:80",
		},
	})
}

// TestAddSorryServer: what the file may not say of a sorry server, an operator may
// not make either.
func TestAddSorryServer(t *testing.T) {
	play(t, `ingress: eth0
services:
  - {address: 192.0.2.10:80, sorry_server: 192.0.2.99, real_servers: [192.0.2.21]}
`, []step{
		{
			addServer(web, ServerSettings{Address: "192.0.2.99", Weight: 1}),
			"address: 192.0.2.99 is the sorry server of this service; write the address of another server",
		},
		{
			add(tcp("192.0.2.99:80"), ServiceSettings{}),
			`address: 192.0.2.99 is a real server of service "tcp-192.0.2.10-80"; write an address that no real server has`,
		},
		{add(fresh, ServiceSettings{}), "\ntcp-192.0.2.14-80 [192.0.2.14:80]"},
		{addServer(fresh, ServerSettings{Address: "192.0.2.99", Weight: 1}), " 192.0.2.99:80=1\n"},
		{del(fresh), "\n"},
		{del(web), "vips [192.0.2.14 192.0.2.10]"},
		{add(tcp("192.0.2.99:80"), ServiceSettings{}), "tcp-192.0.2.99-80 [192.0.2.99:80]"},
	})
}

func TestSetTimeouts(t *testing.T) {
	minute := Timeouts{TCP: time.Minute}
	c := play(t, edited, []step{
		{set(Timeouts{TCP: time.Minute, UDP: 30 * time.Second}), "{1m0s 2m0s 30s} "},
		{set(Timeouts{}), "{1m0s 2m0s 30s} "},
		{add(fresh, ServiceSettings{}), "\ntcp-192.0.2.14-80 [192.0.2.14:80]/tcp wlc[] 1m0s "},
		{set(Timeouts{TCP: 10 * time.Minute}), "\ntcp-192.0.2.14-80 [192.0.2.14:80]/tcp wlc[] 10m0s "},
		{set(minute), "\nweb [192.0.2.10:80]/tcp wlc[] 10m0s "}, // its own, whatever the global one was
		{
			set(Timeouts{TCP: 25 * time.Hour, TCPFin: time.Millisecond, UDP: -time.Second}),
			"timeouts.tcp: 25h is out of range; write a duration from 1s to 24h\n" +
				"timeouts.tcpfin: 1ms is out of range; write a duration from 1s to 24h\n" +
				"timeouts.udp: -1s is out of range; write a duration from 1s to 24h",
		},
	})
	if c.Services[2].Timeouts != (Timeouts{time.Minute, 2 * time.Minute, 30 * time.Second}) {
		t.Errorf("a service without timeouts of its own has %v", c.Services[2].Timeouts)
	}
}

// The quotas follow the services that are there, compat the file.
func TestEditorDefaults(t *testing.T) {
	const udp = "ingress: eth0\nservices: [{address: 192.0.2.10:53, protocol: udp}]\n"
	play(t, udp, []step{
		{set(Timeouts{}), "{25 100} "},
		{add(fresh, ServiceSettings{}), "{25 50} "},
		{del(fresh), "{25 100} "},
	})
	play(t, "quotas: {half_open: 1}\ncompat: ipvs\n"+udp, []step{
		{add(fresh, ServiceSettings{}), " reject icmp check none up true\n"},
		{set(Timeouts{}), "{1 100} "},
	})
}

// A Config that came from no file can be edited too.
func TestEditorWithoutFile(t *testing.T) {
	c := parse(t, edited)
	e := NewEditor(c, nil)
	if err := e.DeleteService(group); err != nil {
		t.Fatal(err)
	}
	err := e.AddService(group, ServiceSettings{})
	if !errors.As(err, new(Errors)) || !strings.HasPrefix(err.Error(), "mark: 7 is the mark of no service") {
		t.Errorf("a mark that stands for nothing: %v", err)
	}
}

func TestSentinels(t *testing.T) {
	e := NewEditor(parse(t, edited), nil)
	none := tcp("192.0.2.77:80")
	for _, test := range []struct{ err, want error }{
		{e.AddService(web, ServiceSettings{}), ErrServiceExists},
		{e.AddService(group, ServiceSettings{}), ErrServiceExists},
		{e.EditService(none, ServiceSettings{}), ErrNoService},
		{e.DeleteService(none), ErrNoService},
		{e.AddServer(none, ServerSettings{Address: "192.0.2.23"}), ErrNoService},
		{e.AddServer(web, ServerSettings{Address: "192.0.2.21"}), ErrServerExists},
		{e.EditServer(web, ServerSettings{Address: "192.0.2.23"}), ErrNoServer},
		{e.DeleteServer(web, "192.0.2.23"), ErrNoServer},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("got %v, want %v", test.err, test.want)
		}
	}
}

func TestFind(t *testing.T) {
	c := parse(t, edited)
	e := NewEditor(c, c)
	for _, test := range []struct {
		id   ServiceID
		want string
	}{
		{ServiceID{Name: "web"}, "web"},
		{web, "web"},
		{group, "group"},
		{secure, "tcp-192.0.2.13-80"},
	} {
		if name, err := e.Find(test.id); err != nil || name != test.want {
			t.Errorf("%v: %q, %v", test.id, name, err)
		}
	}
	if _, err := e.Find(fresh); !errors.Is(err, ErrNoService) {
		t.Errorf("got %v", err)
	}
	if _, err := e.Find(ServiceID{}); !errors.As(err, new(Errors)) {
		t.Errorf("nothing was found: %v", err)
	}
}
