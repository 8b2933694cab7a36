package healthcheck

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKinds(t *testing.T) {
	if got := Kinds(); !slices.Equal(got, []string{"arp", "dns", "exec", "file", "grpc", "http", "https", "icmp", "none", "smtp", "tcp", "tls", "udp"}) {
		t.Errorf("Kinds() = %v", got)
	}
}

func TestValidate(t *testing.T) {
	web := func(change func(*Spec)) Spec {
		s := Defaults()
		s.Kind = "http"
		change(&s)
		return s
	}
	for _, tt := range []struct {
		name string
		spec Spec
		want []string // fields, in order
	}{
		{"defaults", Defaults(), nil},
		{"none needs no times", Spec{Kind: "none"}, nil},
		{"http", web(func(*Spec) {}), nil},
		{"all of http", web(func(s *Spec) {
			s.Path, s.Host, s.Status, s.Body = "//a/b%20c?d=e&f", "www.example.org:81", " 200 , 300-301", "^ok$"
		}), nil},
		{"zero", Spec{}, []string{"every", "timeout", "rise", "fall"}},
		{"kind", Spec{Kind: "ftp"}, []string{"kind"}},
		{"a port of what has none", func() Spec {
			s := Defaults().WithKind("icmp")
			s.Port = 7
			return s
		}(), []string{"port"}},
		{"via", web(func(s *Spec) { s.Via = "moon" }), []string{"via"}},
		{"timeout", web(func(s *Spec) { s.Timeout = 3 * time.Second }), []string{"timeout"}},
		{"timeout equal to every", web(func(s *Spec) { s.Timeout = s.Every }), nil},
		{"too often", web(func(s *Spec) { s.Every = time.Millisecond }), []string{"every"}},
		{"counts", web(func(s *Spec) { s.Rise, s.Fall = -1, 5000 }), []string{"rise", "fall"}},
		{"path", web(func(s *Spec) { s.Path = "healthz" }), []string{"path"}},
		{"path with a line", web(func(s *Spec) { s.Path = "/a\r\nX: y" }), []string{"path"}},
		{"path with a bad escape", web(func(s *Spec) { s.Path = "/%zz" }), []string{"path"}},
		{"host with a line", web(func(s *Spec) { s.Host = "a\r\nX: y" }), []string{"host"}},
		{"host with a path", web(func(s *Spec) { s.Host = "a/b" }), []string{"host"}},
		{"status and body", web(func(s *Spec) { s.Status, s.Body = "2xx", "(" }), []string{"status", "body"}},
		{"tcp with http's fields", func() Spec {
			s := Defaults()
			s.Path, s.Body = "/", "x"
			return s
		}(), []string{"path", "body"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, e := range tt.spec.Validate() {
				got = append(got, e.Field)
				if e.Message == "" || e.Remedy == "" || strings.Contains(e.Error(), "\n") {
					t.Errorf("unhelpful: %+v", e)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("wrong fields %v, want %v", got, tt.want)
			}
			_, err := New(tt.spec, Target{Addr: rip, VIP: vip, Port: 80}, Way{})
			if (err == nil) != (tt.want == nil) {
				t.Errorf("New: %v", err)
			}
		})
	}
}

func TestNewWantsATarget(t *testing.T) {
	spec := spec("tcp")
	if !spec.NeedsPort() {
		t.Error("tcp needs no port?")
	}
	if _, err := New(spec, Target{Addr: netip.MustParseAddr("192.0.2.1")}, Way{}); err == nil {
		t.Error("no port: no error")
	}
	if _, err := New(spec, Target{Port: 80}, Way{}); err == nil {
		t.Error("no address: no error")
	}
	spec.Port = 8080
	c, err := New(spec, Target{Addr: netip.MustParseAddr("2001:db8::1"), Port: 80}, Way{})
	if err != nil || c.String() != "tcp://[2001:db8::1]:8080" {
		t.Errorf("got %v, %v", c, err)
	}
	none := Spec{Kind: "none"}
	if c, err := New(none, Target{}, Way{}); err != nil || !c.Check(t.Context()).OK {
		t.Errorf("none: %v", err)
	}
}

func TestParseStatus(t *testing.T) {
	for _, tt := range []struct {
		list string
		in   []int
		out  []int
	}{
		{"200-399", []int{200, 204, 399}, []int{199, 400, 0, -1, 1000, 65536}},
		{"200,301-302", []int{200, 301, 302}, []int{201, 300, 303}},
		{" 404 - 404 ,100", []int{404, 100}, []int{403, 405}},
		{"599", []int{599}, []int{598}},
	} {
		set, err := parseStatus(tt.list)
		if err != nil {
			t.Errorf("%q: %v", tt.list, err)
		}
		for _, c := range tt.in {
			if !set.has(c) {
				t.Errorf("%q lacks %d", tt.list, c)
			}
		}
		for _, c := range tt.out {
			if set.has(c) {
				t.Errorf("%q has %d", tt.list, c)
			}
		}
	}
	for _, bad := range []string{"", ",", "200,", "99", "600", "0200", "+20", "2 0", "300-200", "200-", "-200", "200-300-400", "２００", "200;201"} {
		if _, err := parseStatus(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// FuzzParseStatus compares with a reader that takes the list apart by hand.
func FuzzParseStatus(f *testing.F) {
	for _, s := range []string{"200-399", "200,301-302", " 100 - 599 ", "200,", "1e2", "-1", "300-200"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		set, err := parseStatus(list)
		want, ok := slowStatus(list)
		if ok != (err == nil) {
			t.Fatalf("%q: error %v, the slow reader says %v", list, err, ok)
		}
		for code := range 1100 {
			if set.has(code) != want[code] {
				t.Fatalf("%q: code %d: %v", list, code, set.has(code))
			}
		}
	})
}

func slowStatus(list string) (map[int]bool, bool) {
	set := map[int]bool{}
	for _, part := range strings.Split(list, ",") {
		ends := strings.Split(part, "-")
		if len(ends) > 2 {
			return nil, false
		}
		var codes []int
		for _, e := range ends {
			e = strings.TrimSpace(e)
			if len(e) != 3 || e[0] < '1' || e[0] > '5' || e[1] < '0' || e[1] > '9' || e[2] < '0' || e[2] > '9' {
				return nil, false
			}
			codes = append(codes, int(e[0]-'0')*100+int(e[1]-'0')*10+int(e[2]-'0'))
		}
		first, last := codes[0], codes[len(codes)-1]
		if first > last {
			return nil, false
		}
		for c := first; c <= last; c++ {
			set[c] = true
		}
	}
	return set, true
}
