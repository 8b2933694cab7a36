package main

import (
	"slices"
	"strings"
	"testing"

	"lvsdr/finding"
)

// TestLANDoctorRange: of a range of ports the first and the last are tried, and more if
// that is asked for.
func TestLANDoctorRange(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	for _, port := range []int{81, 90} {
		s.web1.ServeOn(port)
		s.web2.ServeOn(port)
	}
	s.flags = slices.Clone(here)
	s.flags[3] = "192.0.2.10:80-90"
	s.finds()
	s.flags = append(s.flags, "--sample", "11")
	if findings := s.finds(slices.Repeat([]finding.Kind{finding.ServiceRefused}, 16)...); !strings.Contains(findings[15].What, "port 89") {
		t.Errorf("the last finding is %+v", findings[15])
	}
	s.flags = s.flags[:len(s.flags)-2]
	s.flags[3] = "192.0.2.10:79-80"
	for _, f := range s.finds(finding.ServiceRefused, finding.ServiceRefused) {
		if !strings.Contains(f.What, "answers a SYN to port 79 with RST") {
			t.Errorf("named %+v", f)
		}
	}
}

// TestLANDoctorUDP: a port that nobody listens on is a finding; one that somebody listens
// on without an answer is not known.
func TestLANDoctorUDP(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.flags = slices.Clone(here)
	s.flags[3] = "192.0.2.10:5060/udp"
	silent, err := s.web1.ListenPacket("udp4", "0.0.0.0:5060")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	f := s.finds(finding.ServiceRefused)[0]
	if f.Server != "192.0.2.22" || !strings.Contains(f.What, "answers a datagram to UDP port 5060 with port unreachable") || f.Command != "ss -lunp 'sport = :5060'" {
		t.Errorf("named %+v", f)
	}
	r, _ := s.doctor(s.Director.Host, s.flags...)
	i := slices.IndexFunc(r.Results, func(f finding.Result) bool { return f.Kind == finding.ServiceUntested })
	if i < 0 || r.Results[i].Server != "192.0.2.21" || r.Results[i].Verdict != finding.Unknown {
		t.Errorf("the silent service: %+v", r.Results)
	}
}

// TestLANDoctorDNS: a name server is asked something that it answers.
func TestLANDoctorDNS(t *testing.T) {
	t.Parallel()
	s := newSick(t)
	s.flags = slices.Clone(here)
	s.flags[3] = "192.0.2.10:53/udp"
	for _, web := range s.Servers {
		c, err := web.ListenPacket("udp4", "192.0.2.10:53")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go func() {
			b := make([]byte, 512)
			for {
				n, from, err := c.ReadFrom(b)
				if err != nil {
					return
				}
				if n < 12 { // no query
					continue
				}
				b[2] |= 0x80                  // a response
				b[3] = 5                      // refused
				_, _ = c.WriteTo(b[:n], from) // or the test fails
			}
		}()
	}
	s.finds()
	r, _ := s.doctor(s.Director.Host, s.flags...)
	answered := 0
	for _, f := range r.Results {
		if strings.HasSuffix(f.What, "a datagram from UDP port 53") {
			answered++
		}
	}
	if answered != 2 {
		t.Errorf("%d name servers have answered: %+v", answered, r.Results)
	}
}
