package config

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// merging is one reload: the file, what an operator did, the new file, and what
// runs then, as show has it, without its first line unless the test is about
// that.
type merging struct {
	name       string
	file, next string
	do         []func(*Editor) error
	want       string
	dropped    []string
}

func server(address string, weight int) ServerSettings {
	return ServerSettings{Address: address, Weight: weight}
}

// Services of the tests, as in the file.
const (
	webLine    = "{name: web, address: 192.0.2.10:80, real_servers: [192.0.2.21, 192.0.2.22]}"
	markedLine = "{name: web, address: 192.0.2.10:80, mark: 7, real_servers: [192.0.2.21]}"
	apiLine    = "{name: api, address: 192.0.2.11:80, real_servers: [192.0.2.21]}"
)

var api = tcp("192.0.2.11:80")

func TestMergeServers(t *testing.T) {
	runMerges(t, []merging{
		{
			name: "nothing done", file: webLine, next: "{name: web, address: 192.0.2.10:80, real_servers: [192.0.2.22]}",
			want: "web [192.0.2.10:80]" + rest + " 192.0.2.22:80=1\n",
		},
		{
			name: "a weight stays, another server is new", file: webLine,
			do:   []func(*Editor) error{editServer(web, ServerSettings{Address: "192.0.2.22", Upper: 9})},
			next: "{name: web, address: 192.0.2.10:80, real_servers: [192.0.2.23, 192.0.2.22, 192.0.2.21]}",
			want: "web [192.0.2.10:80]" + rest + " 192.0.2.23:80=1 192.0.2.22:80=0(0-9) 192.0.2.21:80=1\n",
		},
		{
			name: "the file's weight wins when it changes", file: webLine,
			do:   []func(*Editor) error{editServer(web, server("192.0.2.21", 5)), editServer(web, server("192.0.2.22", 5))},
			next: "{name: web, address: 192.0.2.10:80, real_servers: [{address: 192.0.2.21, weight: 2}, 192.0.2.22]}",
			want: "web [192.0.2.10:80]" + rest + " 192.0.2.21:80=2 192.0.2.22:80=5\n",
		},
		{
			name: "a server that was added is the sorry server now", file: webLine,
			do:      []func(*Editor) error{addServer(web, server("192.0.2.23", 1))},
			next:    "{name: web, address: 192.0.2.10:80, sorry_server: 192.0.2.23, real_servers: [192.0.2.21, 192.0.2.22]}",
			want:    "web [192.0.2.10:80]" + rest + " 192.0.2.21:80=1 192.0.2.22:80=1\n",
			dropped: []string{`real server 192.0.2.23 of service "web"`},
		},
		{
			name: "deleted stays deleted, unless its text changes", file: webLine,
			do:   []func(*Editor) error{delServer(web, "192.0.2.21"), delServer(web, "192.0.2.22")},
			next: "{name: web, address: 192.0.2.10:80, real_servers: [192.0.2.21, {address: 192.0.2.22, upper: 5}]}",
			want: "web [192.0.2.10:80]" + rest + " 192.0.2.22:80=1(0-5)\n",
		},
		{
			name: "added ones come last, in their order", file: webLine,
			do: []func(*Editor) error{
				addServer(web, server("192.0.2.26", 1)), addServer(web, server("192.0.2.25", 2)),
				delServer(web, "192.0.2.21"), addServer(web, server("192.0.2.21", 3)),
			},
			next: "{name: web, address: 192.0.2.10:80, real_servers: [192.0.2.21, 192.0.2.22, 192.0.2.23]}",
			want: "web [192.0.2.10:80]" + rest + " 192.0.2.21:80=3 192.0.2.22:80=1 192.0.2.23:80=1 192.0.2.26:80=1 192.0.2.25:80=2\n",
		},
		{
			name: "an added one that the file has now is the file's", file: webLine,
			do:   []func(*Editor) error{addServer(web, server("192.0.2.23", 9))},
			next: "{name: web, address: 192.0.2.10:80, real_servers: [192.0.2.23, 192.0.2.21, 192.0.2.22]}",
			want: "web [192.0.2.10:80]" + rest + " 192.0.2.23:80=1 192.0.2.21:80=1 192.0.2.22:80=1\n",
		},
		{
			name: "an added one whose service moves takes its port", file: webLine,
			do:   []func(*Editor) error{addServer(web, server("192.0.2.23", 9))},
			next: "{name: web, address: 192.0.2.10:81, real_servers: [192.0.2.21]}",
			want: "web [192.0.2.10:81]" + rest + " 192.0.2.21:81=1 192.0.2.23:81=9\n",
		},
		{
			name: "the port that an operator gave stays", file: `{name: web, address: 192.0.2.10:80-81, real_servers: ["192.0.2.21:81"]}`,
			do:   []func(*Editor) error{delServer(ServiceID{Name: "web"}, "192.0.2.21"), addServer(ServiceID{Name: "web"}, server("192.0.2.21", 2))},
			next: `{name: web, address: 192.0.2.10:80-81, real_servers: ["192.0.2.21:81", 192.0.2.22]}`,
			want: "web [192.0.2.10:80-81]" + rest + " 192.0.2.21:80=2 192.0.2.22:80=1\n",
		},
		{
			name: "and so does the one by which ipvsadm -f names a server", file: markedLine,
			do: []func(*Editor) error{
				delServer(group, "192.0.2.21"), addServer(group, server("192.0.2.21:8080", 2)), addServer(group, server("192.0.2.22:80", 1)),
			},
			next: markedLine,
			want: "web [192.0.2.10:80]/tcp wlc[] mark 7 15m0s reject rst check tcp up false 192.0.2.21:80=2named:8080 192.0.2.22:80=1named:80\n",
		},
		{
			name: "a pinned MAC address is the file's", file: webLine + "\n  - " + apiLine,
			do:   []func(*Editor) error{addServer(api, server("192.0.2.22", 1))},
			next: `{name: web, address: 192.0.2.10:80, real_servers: [192.0.2.21, {address: 192.0.2.22, mac: "02:00:00:00:00:22"}]}` + "\n  - " + apiLine,
			want: "web [192.0.2.10:80]" + rest + " 192.0.2.21:80=1 192.0.2.22:80=1pinned\n" +
				"api [192.0.2.11:80]" + rest + " 192.0.2.21:80=1 192.0.2.22:80=1pinned\n",
		},
		{
			name: "a server that is a VIP now", file: webLine,
			do:      []func(*Editor) error{addServer(web, server("192.0.2.11", 9))},
			next:    webLine + "\n  - " + apiLine,
			want:    "web [192.0.2.10:80]" + rest + " 192.0.2.21:80=1 192.0.2.22:80=1\napi [192.0.2.11:80]" + rest + " 192.0.2.21:80=1\n",
			dropped: []string{`real server 192.0.2.11 of service "web"`},
		},
		{
			name: "a server that cannot be checked any more", file: "{name: web, address: 192.0.2.10:0, persistence: 5m, check: {kind: none}}",
			do:      []func(*Editor) error{addServer(ServiceID{Name: "web"}, server("192.0.2.21:0", 9))},
			next:    "{name: web, address: 192.0.2.10:0, persistence: 5m}",
			want:    "web [192.0.2.10:0]/tcp wlc[] persistent 5m0s /32 15m0s reject rst check tcp up false\n",
			dropped: []string{`real server 192.0.2.21 of service "web"`},
		},
	})
}

func TestMergeServices(t *testing.T) {
	runMerges(t, []merging{
		{
			name: "keys stay, servers are the file's", file: webLine,
			do:   []func(*Editor) error{edit(web, ServiceSettings{Scheduler: "rr"})},
			next: "{name: web, address: 192.0.2.10:80, real_servers: [192.0.2.21]}",
			want: "web [192.0.2.10:80]/tcp rr[] 15m0s reject rst check tcp up false 192.0.2.21:80=1\n",
		},
		{
			name: "the file's keys win when one changes, servers stay", file: webLine,
			do:   []func(*Editor) error{edit(web, ServiceSettings{Scheduler: "rr"}), editServer(web, server("192.0.2.21", 9))},
			next: "{name: web, address: 192.0.2.10:80, reject: drop, real_servers: [192.0.2.21, 192.0.2.22]}",
			want: "web [192.0.2.10:80]/tcp wlc[] 15m0s reject drop check tcp up false 192.0.2.21:80=9 192.0.2.22:80=1\n",
		},
		{
			name: "deleted stays deleted", file: webLine, do: []func(*Editor) error{del(web)}, next: apiLine + "\n  - " + webLine,
			want: "api [192.0.2.11:80]" + rest + " 192.0.2.21:80=1\n",
		},
		{
			name: "until its text changes", file: webLine, do: []func(*Editor) error{del(web)},
			next: "{name: web, address: 192.0.2.10:80, real_servers: [192.0.2.21, {address: 192.0.2.22, weight: 2}]}",
			want: "web [192.0.2.10:80]" + rest + " 192.0.2.21:80=1 192.0.2.22:80=2\n",
		},
		{
			name: "an address that was taken stays away", file: "{name: web, address: [192.0.2.10:80, 192.0.2.10:443], real_servers: [192.0.2.21]}",
			do:   []func(*Editor) error{del(web), addServer(tcp("192.0.2.10:443"), server("192.0.2.22", 2))},
			next: "{name: web, address: [192.0.2.10:80, 192.0.2.10:443], real_servers: [192.0.2.23, 192.0.2.21]}",
			want: "web [192.0.2.10:443]" + rest + " 192.0.2.23:80=1 192.0.2.21:80=1 192.0.2.22:443=2\n",
		},
		{
			name: "made anew, it stays so", file: webLine,
			do: []func(*Editor) error{
				del(web), add(web, ServiceSettings{Scheduler: "rr"}), addServer(web, server("192.0.2.22", 5)), addServer(web, server("192.0.2.29", 5)),
			},
			next: webLine + "\n  - " + apiLine,
			want: "web [192.0.2.10:80]/tcp rr[] 15m0s reject rst check none up true 192.0.2.22:80=5 192.0.2.29:80=5\n" +
				"api [192.0.2.11:80]" + rest + " 192.0.2.21:80=1\n",
		},
		{
			name: "out of the file, it is gone", file: webLine + "\n  - " + apiLine,
			do:   []func(*Editor) error{editServer(web, server("192.0.2.21", 9)), addServer(web, server("192.0.2.29", 5))},
			next: apiLine, want: "api [192.0.2.11:80]" + rest + " 192.0.2.21:80=1\n",
		},
		{
			name: "added ones stay, after those of the file", file: webLine,
			do:   []func(*Editor) error{add(fresh, ServiceSettings{}), addServer(fresh, server("192.0.2.21", 2)), del(web)},
			next: webLine + "\n  - " + apiLine,
			want: "api [192.0.2.11:80]" + rest + " 192.0.2.21:80=1\ntcp-192.0.2.14-80 [192.0.2.14:80]" + made + " 192.0.2.21:80=2\n",
		},
		{
			name: "written into the file, it is the file's, with the servers that only an operator knows", file: webLine,
			do: []func(*Editor) error{
				add(fresh, ServiceSettings{}), addServer(fresh, server("192.0.2.21", 2)), addServer(fresh, server("192.0.2.22", 2)),
			},
			next: webLine + "\n  - {address: 192.0.2.14:80, real_servers: [192.0.2.21]}",
			want: "web [192.0.2.10:80]" + rest + " 192.0.2.21:80=1 192.0.2.22:80=1\n" +
				"tcp-192.0.2.14-80 [192.0.2.14:80]" + rest + " 192.0.2.21:80=1 192.0.2.22:80=2\n",
		},
		{
			name: "in the way of the file", file: webLine,
			do:      []func(*Editor) error{add(api, ServiceSettings{}), add(fresh, ServiceSettings{})},
			next:    webLine + "\n  - {name: range, address: 192.0.2.11:1-100}",
			want:    "web [192.0.2.10:80]" + rest + " 192.0.2.21:80=1 192.0.2.22:80=1\nrange [192.0.2.11:1-100]" + rest + "\ntcp-192.0.2.14-80 [192.0.2.14:80]" + made + "\n",
			dropped: []string{`service "tcp-192.0.2.11-80"`},
		},
		{
			name: "its VIP is a real server of the file's now", file: webLine,
			do:      []func(*Editor) error{add(api, ServiceSettings{})},
			next:    "{name: web, address: 192.0.2.10:80, real_servers: [192.0.2.11]}",
			want:    "web [192.0.2.10:80]" + rest + " 192.0.2.11:80=1\n",
			dropped: []string{`service "tcp-192.0.2.11-80"`},
		},
		{
			name: "one of its real servers is a VIP of the file's now", file: webLine,
			do:      []func(*Editor) error{add(fresh, ServiceSettings{}), addServer(fresh, server("192.0.2.11", 1)), addServer(fresh, server("192.0.2.21", 1))},
			next:    webLine + "\n  - " + apiLine,
			want:    "web [192.0.2.10:80]" + rest + " 192.0.2.21:80=1 192.0.2.22:80=1\napi [192.0.2.11:80]" + rest + " 192.0.2.21:80=1\ntcp-192.0.2.14-80 [192.0.2.14:80]" + made + " 192.0.2.21:80=1\n",
			dropped: []string{`real server 192.0.2.11 of service "tcp-192.0.2.14-80"`},
		},
		{
			name: "its name is another's in the file", file: webLine,
			do:      []func(*Editor) error{add(fresh, ServiceSettings{})},
			next:    "{name: tcp-192.0.2.14-80, address: 192.0.2.10:80}",
			want:    "tcp-192.0.2.14-80 [192.0.2.10:80]" + rest + "\n",
			dropped: []string{`addresses of service "tcp-192.0.2.14-80"`},
		},
	})
}

// A mark is that of the file's service.
func TestMergeMarks(t *testing.T) {
	file := parse(t, "ingress: eth0\nservices: ["+webLine+"]")
	running := parse(t, "ingress: eth0\nservices: ["+webLine+", {name: x, address: 192.0.2.12:80, mark: 7}]")
	next := parse(t, "ingress: eth0\nservices: ["+webLine+", {name: y, address: 192.0.2.13:80, mark: 7}]")
	merged, dropped := Merge(file, running, next)
	if !merged.Equal(next) || !slices.Equal(dropped, []string{`service "x"`}) {
		t.Errorf("dropped %v, got\n%s", dropped, show(merged))
	}
}

// runMerges does what the tests say. Every result is valid, and stays what it is
// when the file is read once more.
func runMerges(t *testing.T, tests []merging) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file, next := parse(t, "ingress: eth0\nservices:\n  - "+test.file+"\n"), parse(t, "ingress: eth0\nservices:\n  - "+test.next+"\n")
			running := after(t, file, test.do...)
			merged, dropped := Merge(file, running, next)
			_, got, _ := strings.Cut(show(merged), "\n")
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if d := cmp.Diff(test.dropped, dropped); d != "" {
				t.Errorf("dropped (-want +got):\n%s", d)
			}
			checkValid(t, merged, "merged")
			checkStays(t, next, merged)
		})
	}
}

// checkStays tests that reading the same file again changes nothing.
func checkStays(t *testing.T, file, running *Config) {
	t.Helper()
	again, dropped := Merge(file, running, file)
	if d := cmp.Diff(show(running), show(again)); d != "" || dropped != nil || !again.Equal(running) {
		t.Errorf("reading the file again drops %v, and:\n%s", dropped, d)
	}
}

// after is c after some changes.
func after(t *testing.T, c *Config, do ...func(*Editor) error) *Config {
	t.Helper()
	e := NewEditor(c, c)
	for i, fn := range do {
		if err := fn(e); err != nil {
			t.Fatalf("change %d: %v", i, err)
		}
	}
	return e.Config()
}

func TestMergeTimeouts(t *testing.T) {
	file := parse(t, "ingress: eth0\nservices: [{address: 192.0.2.10:80}, {address: 192.0.2.10:81, timeouts: {tcp: 1m}}]")
	running := after(t, file, set(Timeouts{TCP: 5 * time.Minute, UDP: time.Minute}))
	next := parse(t, "ingress: eth0\ntimeouts: {udp: 10s}\nservices: [{address: 192.0.2.10:80}, {address: 192.0.2.10:81, timeouts: {tcp: 1m}}]")
	merged, _ := Merge(file, running, next)
	want := Timeouts{5 * time.Minute, 2 * time.Minute, 10 * time.Second}
	if merged.Timeouts != want || merged.Services[0].Timeouts != want || merged.Services[1].Timeouts != (Timeouts{time.Minute, want.TCPFin, want.UDP}) {
		t.Errorf("got\n%s", show(merged))
	}
}

// A service whose timeouts are the director's has the same text when those
// change: what an operator did to it stays.
func TestMergeInherited(t *testing.T) {
	file := parse(t, "ingress: eth0\nservices: ["+webLine+", "+apiLine+"]")
	running := after(t, file, edit(web, ServiceSettings{Scheduler: "rr"}), del(api))
	merged, _ := Merge(file, running, parse(t, "ingress: eth0\ntimeouts: {tcp: 1m}\nservices: ["+webLine+", "+apiLine+"]"))
	if len(merged.Services) != 1 || merged.Services[0].Scheduler != "rr" || merged.Services[0].Timeouts.TCP != time.Minute {
		t.Errorf("got\n%s", show(merged))
	}
}

// What the file leaves to compat is as compat says, also in services that an
// operator made.
func TestMergeCompat(t *testing.T) {
	file := parse(t, "ingress: eth0\nservices: ["+webLine+"]")
	running := after(t, file, add(fresh, ServiceSettings{}))
	merged, _ := Merge(file, running, parse(t, "ingress: eth0\ncompat: ipvs\nservices: ["+webLine+"]"))
	for _, s := range merged.Services {
		if s.Reject != RejectICMP || s.Check.Kind != kindNone {
			t.Errorf("got\n%s", show(merged))
		}
	}
	if merged.Quotas != (Quotas{100, 100}) || merged.TTL != TTLDecrement {
		t.Errorf("got %+v", merged)
	}
}

func TestMergeVIPs(t *testing.T) {
	const services = "\nservices: [" + webLine + ", " + apiLine + "]"
	for _, test := range []struct {
		name, file, next string
		do               []func(*Editor) error
		want             string
		dropped          []string
	}{
		{"the file's", "vips: [192.0.2.17, 192.0.2.18]" + services, "vips: [192.0.2.18, 192.0.2.19]", nil, "[192.0.2.18 192.0.2.19]", nil},
		{"of a deleted service", services, services, []func(*Editor) error{del(web)}, "[192.0.2.10]", nil},
		{"of a deleted service that leaves the file", services, "services: [" + apiLine + "]", []func(*Editor) error{del(web)}, "[]", nil},
		{
			"of a deleted service that is in vips no more", "vips: [192.0.2.10]" + services, services,
			[]func(*Editor) error{del(web)},
			"[192.0.2.10]", nil,
		},
		{"of a service that was added and deleted", services, services, []func(*Editor) error{add(fresh, ServiceSettings{}), del(fresh)}, "[192.0.2.14]", nil},
		{
			"that the file has now", services, "vips: [192.0.2.14]" + services,
			[]func(*Editor) error{add(fresh, ServiceSettings{}), del(fresh)},
			"[192.0.2.14]", nil,
		},
		{
			"that is a real server now", services, "services: [{name: web, address: 192.0.2.10:80, real_servers: [192.0.2.14]}]",
			[]func(*Editor) error{add(fresh, ServiceSettings{}), del(fresh)},
			"[]",
			[]string{"VIP 192.0.2.14"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			file, next := parse(t, "ingress: eth0\n"+test.file), parse(t, "ingress: eth0\n"+test.next)
			merged, dropped := Merge(file, after(t, file, test.do...), next)
			if got := show(merged); !strings.Contains(got, " vips "+test.want+"\n") {
				t.Errorf("want VIPs %s, got\n%s", test.want, got)
			}
			if d := cmp.Diff(test.dropped, dropped); d != "" {
				t.Errorf("dropped (-want +got):\n%s", d)
			}
			checkValid(t, merged, "merged")
			checkStays(t, next, merged)
		})
	}
}

// The places of a merged Config are those of the new file, although services
// stand elsewhere in it.
func TestMergePlaces(t *testing.T) {
	file := parse(t, "ingress: eth0\nservices:\n- "+webLine+"\n- "+apiLine+"\n")
	next := parse(t, "ingress: eth0\nservices:\n- "+webLine+"\n- {name: api, address: 192.0.2.11:80, real_servers: [192.0.2.1]}\n")
	merged, _ := Merge(file, after(t, file, del(web), add(tcp("198.51.100.2:80"), ServiceSettings{})), next)
	const want = "service tcp-198.51.100.2-80: address: 198.51.100.2 is an address of this host, on eth1; " +
		"the director answers for a VIP, its kernel must not: write another VIP or, if the host does not need the address: ip address del 198.51.100.2/31 dev eth1\n" +
		"test.yaml:4:54: services[1].real_servers[0]: 192.0.2.1 is an address of this host, on eth0; a director cannot be its own real server"
	if err := merged.CheckHost(host); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
