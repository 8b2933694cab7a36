package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// render writes a Config as a file that means the same, as far as an operator
// and the tests here change things.
func render(c *Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ingress: %s\ncompat: %s\ntimeouts: %s\n", c.Ingress, c.Compat, renderTimeouts(c.Timeouts))
	if c.quotas.HalfOpen != 0 {
		fmt.Fprintf(&b, "quotas: {half_open: %d}\n", c.quotas.HalfOpen)
	}
	fmt.Fprintf(&b, "vips: [%s]\nservices:\n", joined(c.VIPs))
	for i := range c.Services {
		b.WriteString(renderService(&c.Services[i]))
	}
	return b.String()
}

func renderService(s *Service) string {
	var b strings.Builder
	assume := "down"
	if s.AssumeUp {
		assume = "up"
	}
	fmt.Fprintf(&b, "  - {name: %q, address: [%s], protocol: %s, scheduler: %s, flags: [%s], timeouts: %s, reject: %s",
		s.Name, joined(s.Addresses), s.Protocol, s.Scheduler, joined(s.Flags), renderTimeouts(s.own), s.Reject)
	fmt.Fprintf(&b, ", check: {kind: %s}, on_failure: %s, assume: %s, one_packet: %t", s.Check.Kind, s.OnFailure, assume, s.OnePacket)
	if s.Mark != 0 {
		fmt.Fprintf(&b, ", mark: %d", s.Mark)
	}
	if s.Persistence.Timeout != 0 {
		fmt.Fprintf(&b, ", persistence: {timeout: %s, netmask: %d}", s.Persistence.Timeout, s.Persistence.Prefix)
	}
	if s.SorryServer.IsValid() {
		fmt.Fprintf(&b, ", sorry_server: %s", s.SorryServer)
	}
	b.WriteString(", real_servers: [")
	for _, r := range s.RealServers {
		address := r.Addr.String()
		if s.hasPort(r.Port) && r.Port != 0 {
			address = fmt.Sprintf("%s:%d", address, r.Port)
		}
		fmt.Fprintf(&b, "{address: %q, weight: %d, upper: %d, lower: %d", address, r.Weight, r.Upper, r.Lower)
		if !r.MAC.IsZero() {
			fmt.Fprintf(&b, ", mac: %q", r.MAC)
		}
		b.WriteString("}, ")
	}
	b.WriteString("]}\n")
	return b.String()
}

func renderTimeouts(t Timeouts) string {
	var named []string
	for key, d := range map[string]time.Duration{"tcp": t.TCP, "tcpfin": t.TCPFin, "udp": t.UDP} {
		if d != 0 {
			named = append(named, fmt.Sprintf("%s: %s", key, d))
		}
	}
	slices.Sort(named)
	return "{" + strings.Join(named, ", ") + "}"
}

// joined returns a list as YAML has it.
func joined[T any](list []T) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = fmt.Sprintf("%q", fmt.Sprint(v))
	}
	return strings.Join(words, ", ")
}

// checkValid tests that c is what a file could say, and says it.
func checkValid(t *testing.T, c *Config, what string) {
	t.Helper()
	text := render(c)
	again, err := Parse("rendered.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%s: not valid: %v\n%s", what, err, text)
	}
	// A server's port stays what it was when its service loses the address, and
	// only ipvsadm names one behind a mark by a port.
	plain := *c
	plain.Services = slices.Clone(c.Services)
	for i := range plain.Services {
		s := &plain.Services[i]
		s.RealServers = slices.Clone(s.RealServers)
		for j := range s.RealServers {
			s.RealServers[j].MarkPort = 0
			if !s.hasPort(s.RealServers[j].Port) {
				s.RealServers[j].Port = s.firstPort()
			}
		}
	}
	if !plain.Equal(again) {
		t.Fatalf("%s: not what its text says:\n%s\ngot  %+v\nwant %+v", what, text, plain.meaning(), again.meaning())
	}
}
