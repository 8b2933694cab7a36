package guard

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestInspect(t *testing.T) {
	prefix := netip.MustParsePrefix
	for _, test := range []struct {
		name   string
		facts  Facts
		worst  Severity
		remedy string
	}{
		{"quiet host", Facts{}, OK, ""},
		{"forwards, guarded", Facts{Guarded: true, Forwarding4: []string{"eth0"}, Forwarding6: true}, OK, ""},
		{"forwards IPv4", Facts{Forwarding4: []string{"eth0"}}, Refuse, "sysctl -w net.ipv4.conf.eth0.forwarding=0"},
		{"forwards IPv4 from a VLAN", Facts{Forwarding4: []string{"eth0.10"}}, Refuse, "sysctl -w net/ipv4/conf/eth0.10/forwarding=0"},
		{"forwards IPv6", Facts{Forwarding6: true}, Refuse, "sysctl -w net.ipv6.conf.all.forwarding=0"},
		{
			"VIP is an address",
			Facts{Guarded: true, Local: []Local{{VIP: vip, Prefix: prefix("192.0.2.10/24"), Interface: "eth0"}}},
			Refuse, "ip addr del 192.0.2.10/24 dev eth0",
		},
		{
			"VIP is in a local route",
			Facts{Local: []Local{{VIP: vip, Prefix: prefix("192.0.2.0/28"), Interface: "lo", RouteType: "local"}}},
			Refuse, "ip route del local 192.0.2.0/28 dev lo table local",
		},
		{
			"proxy_arp",
			Facts{Guarded: true, Forwarding4: []string{"eth0"}, ProxyARP: []string{"eth0"}},
			Alarm, "sysctl -w net.ipv4.conf.eth0.proxy_arp=0",
		},
		{"proxy_arp without forwarding", Facts{ProxyARP: []string{"eth0"}}, OK, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.facts.Interface, test.facts.VIPs = "eth0", []netip.Addr{vip, vip6}
			findings := Inspect(test.facts)
			worst := slices.MaxFunc(findings, func(a, b Finding) int { return int(a.Severity - b.Severity) })
			if worst.Severity != test.worst || !strings.Contains(worst.Remedy, test.remedy) {
				t.Errorf("worst is %v %v, want %v with remedy %q", worst.Severity, worst, test.worst, test.remedy)
			}
			if err := Err(findings); (err != nil) != (test.worst == Refuse) {
				t.Errorf("Err: %v", err)
			}
		})
	}
}

// An IPv4 director does not care whether the host forwards IPv6.
func TestInspectOtherFamily(t *testing.T) {
	for _, f := range Inspect(Facts{Interface: "eth0", VIPs: []netip.Addr{vip}, Forwarding6: true}) {
		if f.Severity != OK {
			t.Errorf("%v", f)
		}
	}
}

// fakeHost is a Host without a kernel.
type fakeHost struct {
	mu    sync.Mutex
	facts Facts
	err   error
}

func (h *fakeHost) Read(string, []netip.Addr) (Facts, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.facts, h.err
}

// set changes what the next Read returns.
func (h *fakeHost) set(facts Facts, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.facts, h.err = facts, err
}

// watched is a Watcher that runs in a synctest bubble.
type watched struct {
	table   *fakeTable
	host    *fakeHost
	reports chan []Finding
}

func watch(t *testing.T) *watched {
	t.Helper()
	w := &watched{table: &fakeTable{}, host: &fakeHost{}, reports: make(chan []Finding, 1)}
	g, err := install(Config{Interface: "eth0", VIPs: []netip.Addr{vip}}, w.table)
	if err != nil {
		t.Fatal(err)
	}
	watcher := &Watcher{Interface: "eth0", VIPs: func() []netip.Addr { return []netip.Addr{vip} }, Guard: g, Host: w.host}
	go watcher.Watch(t.Context(), Interval, func(f []Finding) { w.reports <- f })
	return w
}

// look lets all be done that is due, and returns the findings that are not OK;
// "-" if nothing was reported.
func (w *watched) look() string {
	synctest.Wait()
	select {
	case report := <-w.reports:
		var lines []string
		for _, f := range report {
			if f.Severity != OK {
				lines = append(lines, f.Severity.String()+" "+f.What)
			}
		}
		return strings.Join(lines, "\n")
	default:
		return "-"
	}
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t)
		if got := w.look(); got != "" {
			t.Errorf("at start: %q", got)
		}
		forwards := Facts{Forwarding4: []string{"eth0"}}
		broken := errors.New("broken")
		for _, step := range []struct {
			name   string
			before func()
			want   string
		}{
			{"nothing changed", func() {}, "-"},
			{"table gone", func() { w.table.set(false, nil) }, "alarm the guard on eth0 was gone or changed, and was put back"},
			{"table back", func() {}, ""},
			{"forwarding under guard", func() { w.host.set(forwards, nil) }, ""},
			{"guard lost", func() { w.table.set(false, broken) }, "refuse broken\nrefuse the kernel forwards IPv4 from eth0, and the guard is off"},
			{"guard back", func() { w.table.set(true, nil) }, ""},
			{"host unreadable", func() { w.host.set(Facts{}, broken) }, "alarm the host's kernel could not be looked at: broken"},
		} {
			step.before()
			time.Sleep(Interval)
			if got := w.look(); got != step.want {
				t.Errorf("%s: %q, want %q", step.name, got, step.want)
			}
		}
		if !w.table.has(vip) {
			t.Error("the table was not put back")
		}
	})
}

func TestWatchWithoutGuard(t *testing.T) {
	w := &Watcher{
		Interface: "eth0",
		VIPs:      func() []netip.Addr { return []netip.Addr{vip} },
		Host:      &fakeHost{facts: Facts{Forwarding4: []string{"eth0"}}},
	}
	if err := Err(w.Look()); err == nil || !strings.Contains(err.Error(), "guard: on") {
		t.Errorf("a host that duplicates: %v", err)
	}
}
